//! ECS and CodeDeploy.

use crate::stacks::shape::{
    Property, Shape, boolean, document, list, no_effect, number, structure, text, texts,
};

const TAGS: &str = "nothing here reads these tags";

pub(super) const CLUSTER: &[Property] = &[
    text("ClusterName"),
    no_effect("ClusterSettings", "metrics are not simulated"),
    no_effect("Configuration", "nobody runs commands in containers here"),
    no_effect("Tags", TAGS),
];

const TAG: &[Property] = &[text("Key"), text("Value")];
const PAIR: &[Property] = &[text("Name"), text("Value")];
const SECRET: &[Property] = &[text("Name"), text("ValueFrom")];

const LOG: &[Property] = &[
    text("LogDriver"),
    document("Options"),
    list("SecretOptions", &Shape::Structure(SECRET)),
];

const PORT: &[Property] = &[
    number("ContainerPort"),
    number("HostPort"),
    text("Protocol"),
    text("Name"),
    text("AppProtocol"),
];

const HEALTH_CHECK: &[Property] = &[
    texts("Command"),
    number("Interval"),
    number("Timeout"),
    number("Retries"),
    number("StartPeriod"),
];

const CONTAINER: &[Property] = &[
    text("Name"),
    text("Image"),
    boolean("Essential"),
    list("PortMappings", &Shape::Structure(PORT)),
    list("Environment", &Shape::Structure(PAIR)),
    list("Secrets", &Shape::Structure(SECRET)),
    structure("LogConfiguration", LOG),
    texts("Command"),
    texts("EntryPoint"),
    number("Cpu"),
    number("Memory"),
    number("MemoryReservation"),
    structure("HealthCheck", HEALTH_CHECK),
    list(
        "DependsOn",
        &Shape::Structure(&[text("ContainerName"), text("Condition")]),
    ),
    number("StartTimeout"),
    number("StopTimeout"),
    text("User"),
    text("WorkingDirectory"),
    boolean("ReadonlyRootFilesystem"),
];

pub(super) const TASK_DEFINITION: &[Property] = &[
    text("Family"),
    texts("RequiresCompatibilities"),
    text("NetworkMode"),
    structure(
        "RuntimePlatform",
        &[text("CpuArchitecture"), text("OperatingSystemFamily")],
    ),
    text("Cpu"),
    text("Memory"),
    text("TaskRoleArn"),
    text("ExecutionRoleArn"),
    list("ContainerDefinitions", &Shape::Structure(CONTAINER)),
    list("Tags", &Shape::Structure(TAG)),
];

const HOOK: &[Property] = &[
    text("HookTargetArn"),
    text("RoleArn"),
    texts("LifecycleStages"),
    text("TargetType"),
    structure(
        "TimeoutConfiguration",
        &[number("TimeoutInMinutes"), text("Action")],
    ),
];

const DEPLOYMENT: &[Property] = &[
    text("Strategy"),
    number("MinimumHealthyPercent"),
    number("MaximumPercent"),
    number("BakeTimeInMinutes"),
    structure(
        "DeploymentCircuitBreaker",
        &[boolean("Enable"), boolean("Rollback")],
    ),
    structure(
        "Alarms",
        &[texts("AlarmNames"), boolean("Enable"), boolean("Rollback")],
    ),
    structure(
        "CanaryConfiguration",
        &[number("CanaryPercent"), number("CanaryBakeTimeInMinutes")],
    ),
    structure(
        "LinearConfiguration",
        &[number("StepPercent"), number("StepBakeTimeInMinutes")],
    ),
    list("LifecycleHooks", &Shape::Structure(HOOK)),
];

const BALANCER: &[Property] = &[
    text("ContainerName"),
    number("ContainerPort"),
    text("TargetGroupArn"),
    structure(
        "AdvancedConfiguration",
        &[
            text("AlternateTargetGroupArn"),
            text("ProductionListenerRule"),
            text("TestListenerRule"),
            text("RoleArn"),
        ],
    ),
];

pub(super) const SERVICE: &[Property] = &[
    text("ServiceName"),
    text("Cluster"),
    text("LaunchType"),
    text("PlatformVersion"),
    text("SchedulingStrategy"),
    number("DesiredCount"),
    text("TaskDefinition"),
    structure("DeploymentController", &[text("Type")]),
    structure("DeploymentConfiguration", DEPLOYMENT),
    list("LoadBalancers", &Shape::Structure(BALANCER)),
    number("HealthCheckGracePeriodSeconds"),
    structure(
        "NetworkConfiguration",
        &[structure(
            "AwsvpcConfiguration",
            &[
                texts("Subnets"),
                texts("SecurityGroups"),
                text("AssignPublicIp"),
            ],
        )],
    ),
    boolean("EnableECSManagedTags"),
    text("PropagateTags"),
    list("Tags", &Shape::Structure(TAG)),
    no_effect("AvailabilityZoneRebalancing", "tasks stay where they are"),
    no_effect(
        "EnableExecuteCommand",
        "nobody runs commands in containers here",
    ),
];

pub(super) const APPLICATION: &[Property] = &[
    text("ApplicationName"),
    text("ComputePlatform"),
    no_effect("Tags", TAGS),
];

const TARGET_GROUP: &[Property] = &[text("Name")];
const ROUTE: &[Property] = &[texts("ListenerArns")];

const PAIR_INFO: &[Property] = &[
    list("TargetGroups", &Shape::Structure(TARGET_GROUP)),
    structure("ProdTrafficRoute", ROUTE),
    structure("TestTrafficRoute", ROUTE),
];

const BLUE_GREEN: &[Property] = &[
    structure(
        "DeploymentReadyOption",
        &[text("ActionOnTimeout"), number("WaitTimeInMinutes")],
    ),
    structure(
        "TerminateBlueInstancesOnDeploymentSuccess",
        &[text("Action"), number("TerminationWaitTimeInMinutes")],
    ),
];

pub(super) const DEPLOYMENT_GROUP: &[Property] = &[
    text("ApplicationName"),
    text("DeploymentGroupName"),
    text("ServiceRoleArn"),
    text("DeploymentConfigName"),
    structure(
        "DeploymentStyle",
        &[text("DeploymentType"), text("DeploymentOption")],
    ),
    list(
        "ECSServices",
        &Shape::Structure(&[text("ClusterName"), text("ServiceName")]),
    )
    .called("ecsServices"),
    structure(
        "LoadBalancerInfo",
        &[list(
            "TargetGroupPairInfoList",
            &Shape::Structure(PAIR_INFO),
        )],
    ),
    structure("BlueGreenDeploymentConfiguration", BLUE_GREEN),
    structure(
        "AutoRollbackConfiguration",
        &[boolean("Enabled"), texts("Events")],
    ),
    structure(
        "AlarmConfiguration",
        &[
            boolean("Enabled"),
            boolean("IgnorePollAlarmFailure"),
            list("Alarms", &Shape::Structure(TARGET_GROUP)),
        ],
    ),
    no_effect("Tags", TAGS),
];
