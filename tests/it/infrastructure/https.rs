//! Listeners that speak HTTPS: the examples with a certificate, and a template of a team's own with a redirect from port 80.

use std::path::PathBuf;

use super::{
    BLUE_GREEN, BY_CODE_DEPLOY, GIVEN, ON_FARGATE, ON_INSTANCES, ROLLING, examples, rehearse_more,
    told,
};
use crate::repository;
use crate::scenarios::run::{binaries, side_by_side};

/// The certificate that the examples take as a parameter.
const ARN: &str = "arn:aws:acm:eu-central-1:111122223333:certificate/a";
const CERTIFICATE: &str = "Certificate=arn:aws:acm:eu-central-1:111122223333:certificate/a";
const HOST: &str = "HostName=shop.example.com";

/// Plays the examples with a certificate of these names.
fn play(chosen: &[&str], names: &str) -> (Option<i32>, String) {
    let certificate = format!("{ARN}={names}");
    let parameters = [&GIVEN[..], &[CERTIFICATE, HOST], chosen].concat();
    let output = rehearse_more(&examples(), &parameters, &["--certificate", &certificate]);
    (output.status.code(), told(&output))
}

#[test]
fn a_push_ships_behind_https_by_every_engine() {
    let plays = [
        [BY_CODE_DEPLOY, ON_INSTANCES],
        [BLUE_GREEN, ON_FARGATE],
        [ROLLING, ON_FARGATE],
    ];
    let failed = side_by_side(&plays, |chosen| {
        let (status, told) = play(chosen, "example.com,*.example.com");
        (status != Some(0)).then(|| format!("{chosen:?}:\n{told}"))
    });
    let failed: Vec<String> = failed.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Clients reach the certificate's own name all the while; who is wrong is the parameter.
#[test]
fn a_check_by_a_name_that_the_certificate_lacks_fails() {
    for chosen in [[BY_CODE_DEPLOY, ON_FARGATE], [ROLLING, ON_FARGATE]] {
        let (status, told) = play(&chosen, "www.example.com");
        assert_eq!(status, Some(1), "{told}");
        let gate = match chosen[0] {
            ROLLING => "production_traffic",
            _ => "test_traffic",
        };
        let hint = format!("hint: give `{gate}.host` a name that the certificate is for");
        assert!(told.contains(&hint), "{told}");
    }
}

#[test]
fn a_certificate_is_named_with_what_is_in_it() {
    let parameters = [&GIVEN[..], &[CERTIFICATE, HOST, ROLLING]].concat();
    let output = rehearse_more(&examples(), &parameters, &[]);
    let said = told(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let expected = format!(
        "at `Resources.ProductionListener.Properties.Certificates`: the rehearsal does not know the names in the certificate `{ARN}` \
         (hint: `--certificate {ARN}=NAME`"
    );
    assert!(said.contains(&expected), "{said}");
    for (given, expected) in [
        (
            "shop.example.com",
            "expected an ARN of ACM's, `=`, and the names",
        ),
        (
            "arn:aws:iam::1:server-certificate/a=a.b",
            "is not a certificate's ARN",
        ),
        (
            "arn:aws:acm:eu-central-1:1:certificate/a=localhost",
            "`localhost` is not a domain name",
        ),
    ] {
        let output = rehearse_more(&examples(), &parameters, &["--certificate", given]);
        let said = told(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

/// The team's own template, in which this stands in place of that.
fn own(name: &str, [that, this]: [&str; 2]) -> Vec<PathBuf> {
    let folder = binaries()
        .join("infrastructure")
        .join(format!("https-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    let text = repository::text("tests/it/infrastructure/https.yaml");
    assert!(text.contains(that), "{name}: https.yaml has no `{that}`");
    let file = folder.join("https.yaml");
    std::fs::write(&file, text.replace(that, this)).unwrap();
    let [repository, network, _] = examples().try_into().unwrap();
    vec![repository, network, file]
}

/// A mistake in the team's own template: its name, what stands there and what is put in its place, the exit status, and what is told.
const MISTAKES: [(&str, [&str; 2], i32, &str); 10] = [
    (
        "as-it-is",
        ["Domain", "Domain"],
        0,
        "stack `https`: outputs `LoadBalancerName`, `Pipelines`, `Url`",
    ),
    (
        "no-certificate",
        [
            "      Certificates: [CertificateArn: !Ref Certificate]\n",
            "",
        ],
        1,
        "Production (AWS::ElasticLoadBalancingV2::Listener) CREATE_FAILED: Resource handler returned message: \"A certificate must be \
         specified for HTTPS listeners",
    ),
    (
        "http-with-a-certificate",
        [
            "Protocol: HTTPS\n      Port: 8443",
            "Protocol: HTTP\n      Port: 8443",
        ],
        1,
        "\"A certificate cannot be specified for HTTP listeners",
    ),
    (
        "http-with-a-policy",
        [
            "Protocol: HTTP\n      Port: 80\n",
            "Protocol: HTTP\n      Port: 80\n      SslPolicy: ELBSecurityPolicy-2016-08\n",
        ],
        1,
        "\"An SSL policy cannot be specified for HTTP listeners",
    ),
    (
        "policy",
        ["TLS13-1-3-2021-06", "TLS13-1-3-2021-07"],
        1,
        "\"SSL policy 'ELBSecurityPolicy-TLS13-1-3-2021-07' not found",
    ),
    (
        "redirect-to-itself",
        [
            "Protocol: HTTP\n      Port: 80\n",
            "Protocol: HTTPS\n      Port: 443\n      Certificates: [CertificateArn: !Ref Certificate]\n",
        ],
        1,
        "\"The redirect configuration is not valid because it creates a loop",
    ),
    (
        "redirect-status",
        ["StatusCode: HTTP_301", "StatusCode: \"301\""],
        1,
        "\"'301' must be one of 'HTTP_301, HTTP_302'",
    ),
    (
        "no-host",
        ["      host = \"shop.${Domain}\"\n", ""],
        1,
        "hint: give `test_traffic.host` a name that the certificate is for",
    ),
    (
        "only-the-apex",
        [
            "      SubjectAlternativeNames: [!Sub \"*.${Domain}\"]\n",
            "",
        ],
        1,
        "hint: give `test_traffic.host` a name that the certificate is for",
    ),
    (
        "another-kind-of-certificate",
        [
            "ValidationMethod: DNS",
            "CertificateAuthorityArn: !Ref Domain",
        ],
        2,
        "at `Resources.Certificate.Properties.CertificateAuthorityArn`: the rehearsal does not read this property",
    ),
];

#[test]
fn what_elb_refuses_of_certificates_and_redirects_is_found() {
    let wrong = side_by_side(&MISTAKES, |(name, change, status, expected)| {
        let output = rehearse_more(&own(name, *change), &GIVEN[..1], &[]);
        let told = told(&output);
        let is_found = output.status.code() == Some(*status) && told.contains(expected);
        (!is_found).then(|| format!("{name}: {:?}, expected `{expected}`\n{told}", output.status))
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_certificate_of_another_region_is_not_valid_for_a_load_balancer() {
    let arn = "arn:aws:acm:us-east-1:111122223333:certificate/a";
    let parameters = [
        &GIVEN[..],
        &[
            "Certificate=arn:aws:acm:us-east-1:111122223333:certificate/a",
            HOST,
            ROLLING,
        ],
    ]
    .concat();
    let certificate = format!("{arn}=shop.example.com");
    let output = rehearse_more(&examples(), &parameters, &["--certificate", &certificate]);
    let said = told(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let expected = format!("\"Certificate ARN '{arn}' is not valid");
    assert!(said.contains(&expected), "{said}");
}
