//! IAM, ECR, CloudWatch Logs and CloudWatch.

use crate::stacks::shape::{
    Property, Shape, document, list, no_effect, number, structure, text, texts,
};

const TAGS: &str = "nothing here reads these tags";

pub(super) const ROLE: &[Property] = &[
    text("RoleName"),
    text("Path"),
    document("AssumeRolePolicyDocument"),
    texts("ManagedPolicyArns"),
    list(
        "Policies",
        &Shape::Structure(&[text("PolicyName"), document("PolicyDocument")]),
    ),
    no_effect("Description", "it is for people"),
    no_effect("MaxSessionDuration", "sessions do not end here"),
    no_effect("Tags", TAGS),
];

pub(super) const INSTANCE_PROFILE: &[Property] = &[
    text("InstanceProfileName"),
    no_effect("Path", "instances are counted here, and call nothing"),
    no_effect("Roles", "instances are counted here, and call nothing"),
];

pub(super) const OIDC_PROVIDER: &[Property] = &[
    text("Url"),
    no_effect("ClientIdList", "nobody signs in from outside here"),
    no_effect("Tags", TAGS),
    no_effect("ThumbprintList", "nobody signs in from outside here"),
];

const FILTER: &[Property] = &[
    text("ImageTagMutabilityExclusionFilterType"),
    text("ImageTagMutabilityExclusionFilterValue"),
];

pub(super) const REPOSITORY: &[Property] = &[
    text("RepositoryName"),
    text("ImageTagMutability"),
    list(
        "ImageTagMutabilityExclusionFilters",
        &Shape::Structure(FILTER),
    ),
    document("RepositoryPolicyText"),
    structure(
        "LifecyclePolicy",
        &[
            text("LifecyclePolicyText"),
            no_effect("RegistryId", "there is one registry"),
        ],
    ),
    no_effect("EmptyOnDelete", "no stack is deleted here"),
    no_effect("EncryptionConfiguration", "nothing is stored"),
    no_effect("ImageScanningConfiguration", "images are not scanned here"),
    no_effect("Tags", TAGS),
];

pub(super) const LOG_GROUP: &[Property] = &[
    text("LogGroupName"),
    no_effect("KmsKeyId", "nothing is stored"),
    no_effect("LogGroupClass", "nothing is stored"),
    no_effect("RetentionInDays", "logs end with the rehearsal"),
    no_effect("Tags", TAGS),
];

pub(super) const ALARM: &[Property] = &[
    text("AlarmName"),
    text("AlarmDescription"),
    text("Namespace"),
    text("MetricName"),
    list(
        "Dimensions",
        &Shape::Structure(&[text("Name"), text("Value")]),
    ),
    text("Statistic"),
    text("ExtendedStatistic"),
    text("Unit"),
    number("Period"),
    number("EvaluationPeriods"),
    number("DatapointsToAlarm"),
    number("Threshold"),
    text("ComparisonOperator"),
    text("TreatMissingData"),
    no_effect(
        "ActionsEnabled",
        "metrics are not simulated, so no alarm acts",
    ),
    no_effect(
        "AlarmActions",
        "metrics are not simulated, so no alarm acts",
    ),
    no_effect(
        "InsufficientDataActions",
        "metrics are not simulated, so no alarm acts",
    ),
    no_effect("OKActions", "metrics are not simulated, so no alarm acts"),
    no_effect("Tags", TAGS),
];
