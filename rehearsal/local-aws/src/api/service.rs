//! The services, and how each one speaks.

/// The services that the local AWS simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    CloudFormation,
    CloudWatch,
    CodeDeploy,
    Ecr,
    Ecs,
    Elb,
    Events,
    Iam,
    Lambda,
    Logs,
    Scheduler,
    SecretsManager,
    Sns,
    Ssm,
    Sts,
}

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Json,
    /// The same, with an error's sentence in `Message` (the model of Secrets Manager).
    JsonWithCapitals,
    /// JSON 1.0 of a service that once spoke Query: an error also has its Query code, in a header.
    QueryCompatibleJson,
    /// With the XML namespace of its answers.
    Query(&'static str),
    Rest,
}

const CLOUDFORMATION_NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
const ELB_NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";
const IAM_NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
const SNS_NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";
pub(super) const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

impl Service {
    pub const ALL: [Service; 15] = [
        Service::CloudFormation,
        Service::CloudWatch,
        Service::CodeDeploy,
        Service::Ecr,
        Service::Ecs,
        Service::Elb,
        Service::Events,
        Service::Iam,
        Service::Lambda,
        Service::Logs,
        Service::Scheduler,
        Service::SecretsManager,
        Service::Sns,
        Service::Ssm,
        Service::Sts,
    ];

    /// As IAM names it.
    pub fn prefix(self) -> &'static str {
        match self {
            Service::CloudFormation => "cloudformation",
            Service::CloudWatch => "cloudwatch",
            Service::CodeDeploy => "codedeploy",
            Service::Ecr => "ecr",
            Service::Ecs => "ecs",
            Service::Elb => "elasticloadbalancing",
            Service::Events => "events",
            Service::Iam => "iam",
            Service::Lambda => "lambda",
            Service::Logs => "logs",
            Service::Scheduler => "scheduler",
            Service::SecretsManager => "secretsmanager",
            Service::Sns => "sns",
            Service::Ssm => "ssm",
            Service::Sts => "sts",
        }
    }

    pub fn protocol(self) -> Protocol {
        match self {
            Service::CloudWatch => Protocol::QueryCompatibleJson,
            Service::CodeDeploy
            | Service::Ecr
            | Service::Ecs
            | Service::Events
            | Service::Logs
            | Service::Ssm => Protocol::Json,
            Service::SecretsManager => Protocol::JsonWithCapitals,
            Service::CloudFormation => Protocol::Query(CLOUDFORMATION_NAMESPACE),
            Service::Elb => Protocol::Query(ELB_NAMESPACE),
            Service::Iam => Protocol::Query(IAM_NAMESPACE),
            Service::Sns => Protocol::Query(SNS_NAMESPACE),
            Service::Sts => Protocol::Query(STS_NAMESPACE),
            Service::Lambda | Service::Scheduler => Protocol::Rest,
        }
    }

    /// How a request names the service: a JSON service by the prefix of `X-Amz-Target`, a Query service by the version
    /// of its API. A REST service is known by its routes.
    pub fn wire_name(self) -> Option<&'static str> {
        Some(match self {
            Service::CloudFormation => "2010-05-15",
            Service::CloudWatch => "GraniteServiceVersion20100801",
            Service::CodeDeploy => "CodeDeploy_20141006",
            Service::Ecr => "AmazonEC2ContainerRegistry_V20150921",
            Service::Ecs => "AmazonEC2ContainerServiceV20141113",
            Service::Elb => "2015-12-01",
            Service::Events => "AWSEvents",
            Service::Iam => "2010-05-08",
            Service::Logs => "Logs_20140328",
            Service::SecretsManager => "secretsmanager",
            Service::Sns => "2010-03-31",
            Service::Ssm => "AmazonSSM",
            Service::Sts => "2011-06-15",
            Service::Lambda | Service::Scheduler => return None,
        })
    }
}
