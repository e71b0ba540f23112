//! A container's image reference, taken apart: which registry, repository and image it names.

use serde_json::Value;

use crate::config;
use crate::names::{AccountId, Region};
use crate::observed::TaskDefinition;

/// The registry of an account in a Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Registry<'a> {
    account: &'a str,
    region: &'a str,
}

impl<'a> Registry<'a> {
    /// The registry whose pushes a pipeline follows: the one that it names, or else that of the account and Region that a
    /// revision is of.
    pub(super) fn followed(
        registry: &'a config::Registry,
        definition: &'a TaskDefinition,
    ) -> Option<Self> {
        let arn = definition.task_definition["taskDefinitionArn"].as_str()?;
        let mut parts = arn.split(':').skip(3);
        let (region, account) = (parts.next()?, parts.next()?);
        Some(Self {
            region: registry.region.as_ref().map_or(region, Region::as_str),
            account: registry.account.as_ref().map_or(account, AccountId::as_str),
        })
    }

    /// The private registry of ECR that a host is, over IPv4 or dual-stack, with FIPS or without it (ECR User Guide, "Amazon ECR
    /// private registry"; ECR endpoints and quotas). The suffix differs from partition to partition, and there will be more.
    pub(super) fn of_host(host: &'a str) -> Option<Self> {
        let mut labels = host.split('.');
        let account = labels.next()?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_ecr = match labels.next()? {
            "dkr" => matches!(labels.next()?, "ecr" | "ecr-fips"),
            "dkr-ecr" | "dkr-ecr-fips" => true,
            _ => false,
        };
        let region = labels.next()?;
        (is_account && is_ecr).then_some(Self { account, region })
    }
}

/// A container's image reference.
pub(super) struct Reference<'a> {
    /// The host in front.
    pub(super) host: &'a str,
    /// The registry of ECR; none for another kind of registry.
    pub(super) registry: Option<Registry<'a>>,
    pub(super) repository: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    pub(super) fn of(container: &'a Value) -> Option<Self> {
        let reference = container["image"].as_str()?;
        let (name, digest) = reference
            .split_once('@')
            .map_or((reference, None), |(name, digest)| (name, Some(digest)));
        let (host, rest) = name.split_once('/')?;
        let (repository, tag) = rest
            .rsplit_once(':')
            .map_or((rest, None), |(repository, tag)| (repository, Some(tag)));
        Some(Self {
            host,
            registry: Registry::of_host(host),
            repository,
            tag,
            digest,
        })
    }

    /// Whether it is of this repository in this registry. A repository of the same name in another account or Region is another
    /// one.
    pub(super) fn is_of(&self, registry: Option<Registry<'_>>, repository: &str) -> bool {
        self.registry.is_some() && self.registry == registry && self.repository == repository
    }

    /// Whether two references of one repository are known to be of the same image: by their digests, or by their tags where
    /// neither pins one.
    pub(super) fn is_same_image(&self, other: &Self) -> bool {
        match (self.digest, other.digest) {
            (Some(one), Some(other)) => one == other,
            (None, None) => self.tag.unwrap_or("latest") == other.tag.unwrap_or("latest"),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_of_ecr_is_known_by_its_host_in_every_partition() {
        for (host, expected) in [
            (
                "111122223333.dkr.ecr.eu-central-1.amazonaws.com",
                "eu-central-1",
            ),
            (
                "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "cn-north-1",
            ),
            (
                "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu",
                "eusc-de-east-1",
            ),
            (
                "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
            ),
            ("111122223333.dkr-ecr.us-west-2.on.aws", "us-west-2"),
            ("111122223333.dkr-ecr-fips.us-east-1.on.aws", "us-east-1"),
        ] {
            let registry = Registry {
                account: "111122223333",
                region: expected,
            };
            assert_eq!(Registry::of_host(host), Some(registry), "{host}");
        }
        for host in [
            "docker.io",
            "public.ecr.aws",
            "1111.dkr.ecr.eu-central-1.amazonaws.com",
            "111122223333.dkr.example.com",
            "111122223333.dkr-ecr",
            "localhost:5000",
            "",
        ] {
            assert_eq!(Registry::of_host(host), None, "{host}");
        }
    }
}
