//! The vocabulary: one newtype for everything that has a wrong look-alike.
//!
//! `FromStr` is the only door into each of them, serde goes through it, and `Display` gives back exactly what came in.
//! A name is checked for what would make it unusable (empty, blanks, wrong shape), not for everything that AWS may
//! refuse: AWS's own answer is clearer than our copy of its rules.

mod ecs;
mod parameter;
mod repository;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A value that is not what its place needs; the sentence names what was given and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {expected}{}", hint_of(.meant.as_ref()))]
pub struct InvalidName {
    /// What was given, cut to a length that fits in a message.
    pub given: String,
    /// What was expected.
    pub expected: &'static str,
    /// What was probably meant.
    pub meant: Option<String>,
}

fn hint_of(meant: Option<&String>) -> String {
    meant.map_or_else(String::new, |meant| format!(" (hint: write `{meant}`)"))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $accepts:expr) => {
        name!($(#[$doc])* $name, $expected, $accepts, |_| None);
    };
    ($(#[$doc:meta])* $name:ident, $expected:literal, $accepts:expr, $meant:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text, exactly as it came in.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(given: &str) -> Result<Self, InvalidName> {
                let accepts: fn(&str) -> bool = $accepts;
                if accepts(given) {
                    Ok(Self(given.to_owned()))
                } else {
                    let meant: fn(&str) -> Option<String> = $meant;
                    Err(InvalidName { given: shortened(given), expected: $expected, meant: meant(given) })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(given: String) -> Result<Self, InvalidName> {
                given.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a pipeline, as people see it.
    PipelineName,
    "a name of 1 to 100 characters without blanks at its ends or control characters",
    |text| text.len() <= 100 && plain(text)
);
name!(
    /// An ECR repository, without the registry: `shop/web`.
    Repository,
    "an ECR repository name such as `shop/web`: lower-case letters and digits, with one of `._-/` between them, no registry, no tag",
    repository::is_name,
    repository::meant
);
name!(
    /// The host of an ECR registry: `111122223333.dkr.ecr.eu-central-1.amazonaws.com`.
    RegistryHost,
    "the host of an ECR registry such as `111122223333.dkr.ecr.eu-central-1.amazonaws.com`",
    repository::is_registry
);
name!(
    /// The id of an AWS account.
    AccountId,
    "the id of an AWS account: 12 digits",
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
);
name!(
    /// A Region of AWS, by its code.
    Region,
    "the code of an AWS Region such as `eu-central-1`",
    repository::is_region
);
name!(
    /// A parameter of Systems Manager's Parameter Store that Greenlight may write.
    ParameterName,
    "the name of an SSM parameter such as `/shop/web/image`: 2 to 15 levels of letters, digits and `._-`, each behind a `/`, the first \
     neither `greenlight` nor beginning with `aws` or `ssm`, at most 956 characters",
    parameter::is_name
);
name!(
    /// How a deployment of a service that several pipelines deploy to marks which of its images is whose.
    Mark,
    "a pipeline's mark: 8 lower-case hex digits",
    |text| text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);
name!(
    /// An image tag: what people call an image.
    Tag,
    "an image tag: 1 to 128 letters, digits and `._-`, not beginning with `.` or `-`",
    |text| (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !text.starts_with(['.', '-'])
);
name!(
    /// An image digest: the identity of an image.
    Digest,
    "an image digest: `sha256:` and 64 lower-case hex digits",
    |text| text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
);
name!(
    /// The name of an ECS cluster.
    ClusterName,
    "an ECS cluster's name (not its ARN): 1 to 255 letters, digits, `-` and `_`",
    ecs_name
);
name!(
    /// The name of an ECS service.
    ServiceName,
    "an ECS service's name (not its ARN): 1 to 255 letters, digits, `-` and `_`",
    ecs_name
);
name!(
    /// The name of a container in a task definition.
    ContainerName,
    "a container's name: 1 to 255 letters, digits, `-` and `_`",
    ecs_name
);
name!(
    /// The name of a CodeDeploy application.
    ApplicationName,
    "a CodeDeploy application's name of 1 to 100 characters",
    |text| text.len() <= 100 && plain(text)
);
name!(
    /// The name of a CodeDeploy deployment group.
    DeploymentGroupName,
    "a CodeDeploy deployment group's name of 1 to 100 characters",
    |text| text.len() <= 100 && plain(text)
);
name!(
    /// The name of a CodeDeploy deployment configuration.
    DeploymentConfigName,
    "a CodeDeploy deployment configuration's name of 1 to 100 characters",
    |text| text.len() <= 100 && plain(text)
);
name!(
    /// The name of a CloudFormation stack.
    StackName,
    "a CloudFormation stack's name: a letter, then letters, digits and `-`, up to 128 characters",
    |text| text.len() <= 128
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
);
name!(
    /// The id of a deployment: CodeDeploy's `d-8X2K4PLQ3`, or the last part of an ECS service deployment's ARN. The shapes are known
    /// from samples only, so they are not insisted on.
    DeploymentId,
    "a deployment id such as `d-8X2K4PLQ3`",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
);
name!(
    /// What CodeDeploy hands to a hook to recognise its answer; about 300 characters, opaque.
    HookExecutionId,
    "a lifecycle event hook execution id",
    |text| text.len() <= 4096 && plain(text)
);
name!(
    /// The ARN of a task definition revision.
    RevisionArn,
    "a task definition revision's ARN, `arn:aws:ecs:…:task-definition/<family>:<revision>`",
    |text| arn(text, "ecs", "task-definition/") && text.rsplit(':').next().is_some_and(|n| n.parse::<u32>().is_ok())
);
name!(
    /// The ARN of an ECS task.
    TaskArn,
    "an ECS task's ARN",
    |text| arn(text, "ecs", "task/")
);
name!(
    /// The ARN of an ELB target group.
    TargetGroupArn,
    "a target group's ARN",
    |text| arn(text, "elasticloadbalancing", "targetgroup/")
);
name!(
    /// The name of an ELB target group.
    TargetGroupName,
    "a target group's name: 1 to 32 letters, digits and `-`",
    |text| (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
);
name!(
    /// The ARN of an ELB listener.
    ListenerArn,
    "a listener's ARN",
    |text| arn(text, "elasticloadbalancing", "listener/")
);
name!(
    /// The ARN of a listener's rule.
    ListenerRuleArn,
    "a listener rule's ARN",
    |text| arn(text, "elasticloadbalancing", "listener-rule/")
);
name!(
    /// The ARN of an ECS service deployment.
    ServiceDeploymentArn,
    "a service deployment's ARN, `arn:aws:ecs:…:service-deployment/<cluster>/<service>/<id>`",
    |text| arn(text, "ecs", "service-deployment/") && ecs::has_three_parts(text)
);
name!(
    /// The ARN of an ECS service revision.
    ServiceRevisionArn,
    "a service revision's ARN, `arn:aws:ecs:…:service-revision/<cluster>/<service>/<digits>`",
    |text| arn(text, "ecs", "service-revision/") && ecs::has_three_parts(text)
);
name!(
    /// The id of a pause hook that waits for a person: `ecs-pause-…`.
    PauseHookId,
    "the id of a pause hook such as `ecs-pause-0a1b2c3d`",
    |text| (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
);
name!(
    /// The ARN of an SNS topic.
    TopicArn,
    "an SNS topic's ARN",
    |text| text.starts_with("arn:") && text.split(':').count() == 6 && text.split(':').nth(2) == Some("sns") && plain(text)
);
name!(
    /// The ARN of an EventBridge event bus.
    BusArn,
    "an event bus's ARN, `arn:aws:events:…:event-bus/<name>`",
    |text| arn(text, "events", "event-bus/")
);
name!(
    /// The ARN of a secret of AWS Secrets Manager, without the members that ECS writes behind it.
    SecretArn,
    "a secret's ARN",
    |text| arn(text, "secretsmanager", "secret:") && text.split(':').count() == 7
);
name!(
    /// The name of a file of certificates, beside the configuration file.
    CertificateFile,
    "the name of a file beside this one, without a folder, such as `ca.pem`",
    |text| text.len() <= 255
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
);
name!(
    /// The name of a Lambda function.
    FunctionName,
    "a Lambda function's name (not its ARN): 1 to 64 letters, digits, `-` and `_`",
    |text| text.len() <= 64 && ecs_name(text)
);

impl RegistryHost {
    /// The host of the registry of another account or Region in the same partition; what is left out stays.
    pub fn at(&self, account: Option<&AccountId>, region: Option<&Region>) -> Self {
        let (account, region) = (account.map(AccountId::as_str), region.map(Region::as_str));
        Self(repository::at(self.as_str(), account, region))
    }
}

impl TopicArn {
    /// The Region of the topic, and of everything else of its stack.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    /// The account of the topic, and of everything else of its stack.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

impl TopicArn {
    /// The ARN of a Lambda function of the same partition, Region and account.
    pub fn function(&self, name: &str) -> String {
        let partition = self.0.split(':').nth(1).unwrap_or_default();
        let (region, account) = (self.region(), self.account());
        format!("arn:{partition}:lambda:{region}:{account}:function:{name}")
    }
}

impl RevisionArn {
    /// `family:revision`, as people write it.
    pub fn short(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The family alone.
    pub fn family(&self) -> &str {
        let short = self.short();
        short.rsplit_once(':').map_or(short, |(family, _)| family)
    }

    /// The number of the revision in its family.
    pub fn number(&self) -> u32 {
        // Nothing else is taken for one.
        let number = self.0.rsplit(':').next().map(str::parse);
        number.and_then(Result::ok).unwrap_or_default()
    }

    /// The revision of this number in the same family.
    #[must_use]
    pub fn sibling(&self, number: u32) -> Self {
        let family = self.0.rsplit_once(':').map_or("", |(family, _)| family);
        Self(format!("{family}:{number}"))
    }
}

impl SecretArn {
    /// Its name, with the six characters that Secrets Manager adds.
    pub fn name(&self) -> &str {
        self.0.rsplit(':').next().unwrap_or(&self.0)
    }
}

impl TaskArn {
    /// The Region that it runs in.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    /// The task's id: the last part of its ARN.
    pub fn id(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl Digest {
    /// `sha256:` and the first twelve digits: enough for people to compare.
    pub fn short(&self) -> &str {
        &self.0[..19]
    }
}

/// An image: its digest is its identity, its tag is how people call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The repository it lies in.
    pub repository: Repository,
    /// Its identity.
    pub digest: Digest,
    /// How people call it; none where only the digest is known.
    pub tag: Option<Tag>,
}

impl fmt::Display for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tag {
            Some(tag) => write!(
                formatter,
                "{}:{} ({})",
                self.repository,
                tag,
                self.digest.short()
            ),
            None => write!(formatter, "{} ({})", self.repository, self.digest.short()),
        }
    }
}

impl Mark {
    /// The mark of the images that go from this repository to these containers of a service. It has to be the same in every
    /// version, so it is FNV-1a of 32 bits, and not a hash of the standard library. A renamed pipeline keeps it.
    pub(crate) fn of(repository: &Repository, containers: &[ContainerName]) -> Self {
        const OFFSET_BASIS: u32 = 0x811c_9dc5;
        const PRIME: u32 = 0x0100_0193;
        let mut containers: Vec<&str> = containers.iter().map(ContainerName::as_str).collect();
        containers.sort_unstable();
        // Neither name has a blank.
        let text = format!("{repository} {}", containers.join(" "));
        let hash = text.bytes().fold(OFFSET_BASIS, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(PRIME)
        });
        Self(format!("{hash:08x}"))
    }
}

fn plain(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

fn ecs_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

fn arn(text: &str, service: &str, resource: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    parts.next() == Some("arn")
        && parts
            .next()
            .is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some(service)
        && parts.next().is_some_and(|region| !region.is_empty())
        && parts.next().is_some_and(|account| !account.is_empty())
        && parts
            .next()
            .is_some_and(|rest| rest.starts_with(resource) && rest.len() > resource.len())
        && plain(text)
}

/// Foreign text for a message: escaped, and cut to a length that fits.
pub(crate) fn shortened(given: &str) -> String {
    let mut characters = given.chars();
    let start: String = characters
        .by_ref()
        .take(80)
        .flat_map(char::escape_debug)
        .collect();
    if characters.next().is_some() {
        format!("{start}…")
    } else {
        start
    }
}
