//! Which names ECR gives to repositories, and what is meant by others.

/// Whether ECR takes the name (ECR API Reference, CreateRepository). The address of an image is such a name as well, and
/// somebody who writes it has copied it from the console.
pub(super) fn is_name(text: &str) -> bool {
    (2..=256).contains(&text.len())
        && text.split('/').all(is_part)
        && !text.split('/').next().is_some_and(is_registry)
}

/// Letters and digits, with single separators between them.
fn is_part(text: &str) -> bool {
    text.split(['.', '_', '-']).all(|word| {
        let mut bytes = word.bytes();
        !word.is_empty() && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

/// Whether a host is that of a private registry of ECR, in whatever partition (ECR User Guide, "Amazon ECR private registry").
pub(super) fn is_registry(host: &str) -> bool {
    let Some((account, rest)) = host.split_once('.') else {
        return false;
    };
    let is_ecr = ["dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr.", "dkr-ecr-fips."]
        .iter()
        .any(|service| rest.strip_prefix(service).is_some_and(is_part));
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) && is_ecr
}

/// Whether a text has the form of a Region's code: `us-gov-west-1`, `eusc-de-east-1`. There will be more of them.
pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let Some((number, words)) = parts.split_last() else {
        return false;
    };
    (2..=3).contains(&words.len())
        && words.iter().all(is_word)
        && number.parse::<u8>().is_ok_and(|number| number > 0)
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// The host of another registry of the same kind and partition; what is left out stays.
pub(super) fn at(host: &str, account: Option<&str>, region: Option<&str>) -> String {
    let mut labels: Vec<&str> = host.split('.').collect();
    // `<account>.dkr.ecr.<Region>.…`, or `<account>.dkr-ecr.<Region>.…` over dual-stack.
    let region_at = if labels.get(1) == Some(&"dkr") { 3 } else { 2 };
    for (index, other) in [(0, account), (region_at, region)] {
        if let (Some(label), Some(other)) = (labels.get_mut(index), other) {
            *label = other;
        }
    }
    labels.join(".")
}

/// The name in an address, an ARN, or a name that is written in another way.
pub(super) fn meant(given: &str) -> Option<String> {
    let text = given.trim().to_ascii_lowercase();
    let text = text.split_once("://").map_or(&*text, |(_, behind)| behind);
    let text = match text.strip_prefix("arn:") {
        Some(arn) => arn.split_once(":repository/")?.1,
        None => text,
    };
    let text = text.split('@').next().unwrap_or_default();
    let text = match text.split_once('/') {
        Some((host, name)) if is_registry(host.split(':').next().unwrap_or_default()) => name,
        Some(_) | None => text,
    };
    let text = text.split(':').next().unwrap_or_default();
    let is_separator = |c: char| "._-/".contains(c);
    let parts: Vec<&str> = text
        .split('/')
        .map(|part| part.trim_matches(is_separator))
        .filter(|part| !part.is_empty())
        .collect();
    Some(parts.join("/")).filter(|name| is_name(name) && name != given)
}

#[cfg(test)]
mod tests {
    use crate::names::{Region, RegistryHost, Repository};

    #[track_caller]
    fn check(given: &str, meant: Option<&str>) {
        let refused = given.parse::<Repository>().unwrap_err();
        assert_eq!(refused.meant.as_deref(), meant, "{given}");
        let said = refused.to_string();
        assert_eq!(said.contains("(hint: write `"), meant.is_some(), "{said}");
    }

    #[test]
    fn names_that_ecr_takes_are_taken() {
        for name in [
            "shop/web",
            "demo",
            "a1",
            "shop-web_1.0/a.b/c",
            "docker.io/acme/web",
            "public.ecr.aws/nginx/nginx",
            "111122223333/web",
        ] {
            assert_eq!(name.parse::<Repository>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_ecr_refuses_and_copied_addresses_are_refused_with_what_was_meant() {
        check("shop//web", Some("shop/web"));
        check("-shop", Some("shop"));
        check("shop-", Some("shop"));
        check("shop/-web", Some("shop/web"));
        check("shop/web/", Some("shop/web"));
        check("/shop/web", Some("shop/web"));
        check("shop/web.", Some("shop/web"));
        check("Shop/Web", Some("shop/web"));
        check(" shop/web", Some("shop/web"));
        check("shop/web:latest", Some("shop/web"));
        check("shop/web@sha256:00", Some("shop/web"));
        check("shop--web", None);
        check("shop._web", None);
        check("shop web", None);
        check("a", None);
        check("", None);
        check("shöp", None);
        for host in [
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com",
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu",
            "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "111122223333.dkr-ecr.us-west-2.on.aws",
        ] {
            check(&format!("{host}/demo"), Some("demo"));
            check(&format!("{host}/shop/web:1.2"), Some("shop/web"));
            check(&format!("https://{host}/shop/web"), Some("shop/web"));
            check(&format!("{host}:443/shop/web"), Some("shop/web"));
            check(host, None);
            assert!(host.parse::<RegistryHost>().is_ok());
        }
        check(
            "arn:aws:ecr:eu-central-1:111122223333:repository/shop/web",
            Some("shop/web"),
        );
        for host in [
            "docker.io",
            "public.ecr.aws",
            "1.dkr.ecr.x",
            "111122223333.dkr.ecr.",
        ] {
            assert!(host.parse::<RegistryHost>().is_err(), "{host}");
        }
    }

    #[test]
    fn the_host_of_another_registry_keeps_its_kind_and_partition() {
        for (own, other) in [
            (
                "111122223333.dkr.ecr.eu-central-1.amazonaws.com",
                "444455556666.dkr.ecr.eu-west-1.amazonaws.com",
            ),
            (
                "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
                "444455556666.dkr.ecr-fips.eu-west-1.amazonaws.com",
            ),
            (
                "111122223333.dkr-ecr.eusc-de-east-1.on.amazonwebservices.eu",
                "444455556666.dkr-ecr.eu-west-1.on.amazonwebservices.eu",
            ),
        ] {
            let (account, region) = (
                "444455556666".parse().unwrap(),
                "eu-west-1".parse().unwrap(),
            );
            let own: RegistryHost = own.parse().unwrap();
            assert_eq!(own.at(Some(&account), Some(&region)).as_str(), other);
            assert_eq!(own.at(None, None), own);
        }
        for region in [
            "eu-central-1",
            "us-gov-west-1",
            "eusc-de-east-1",
            "us-isob-east-1",
        ] {
            assert!(region.parse::<Region>().is_ok(), "{region}");
        }
        for region in [
            "eu-central",
            "eu-central-0",
            "EU-central-1",
            "eu--1",
            "frankfurt",
            "eu-central-1a",
            "a-b-c-d-1",
        ] {
            assert!(region.parse::<Region>().is_err(), "{region}");
        }
    }
}
