//! The certificate authorities that pipelines bring along: files beside the configuration file, read once, at the start.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rules::config::Config;
use rules::names::CertificateFile;
use rules::problem::Problems;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Their certificates, by the file that a pipeline names.
pub type Authorities = BTreeMap<CertificateFile, Vec<CertificateDer<'static>>>;

/// Reads each file once. A mistake is noted at every place that names the file.
pub(crate) fn read(config: &Config, path: &Path, problems: &mut Problems) -> Option<Authorities> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut authorities = Authorities::new();
    let mut all_read = true;
    for (index, pipeline) in config.pipelines.iter().enumerate() {
        let test = ("test_traffic", Some(&pipeline.test_traffic.checks));
        let production = ("production_traffic", pipeline.production_traffic.as_ref());
        for (gate, traffic) in [test, production] {
            let Some(file) = traffic.and_then(|traffic| traffic.ca.as_ref()) else {
                continue;
            };
            match certificates(folder, file) {
                Ok(certificates) => {
                    authorities.insert(file.clone(), certificates);
                }
                Err(why) => {
                    let place = format!("{}: pipeline[{index}].{gate}.ca", path.display());
                    problems.add(place, why);
                    all_read = false;
                }
            }
        }
    }
    all_read.then_some(authorities)
}

fn certificates(
    folder: &Path,
    file: &CertificateFile,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let path = folder.join(file.as_str());
    let read = fs::read(&path).map_err(|error| {
        format!("cannot read `{file}`: {error} (hint: put it beside the configuration file, which `sam deploy` brings along)")
    })?;
    let text = String::from_utf8_lossy(&read);
    if text.contains("PRIVATE KEY-----") {
        return Err(format!(
            "`{file}` holds a private key, expected the authority's certificate alone (hint: the configuration's folder is no \
             place for a key)"
        ));
    }
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("`{file}` is damaged: {error}"))?;
    if certificates.is_empty() {
        return Err(format!(
            "`{file}` holds no certificate, expected PEM, which begins with `-----BEGIN CERTIFICATE-----` (hint: `openssl x509 \
             -inform DER` writes it from DER)"
        ));
    }
    for (index, certificate) in certificates.iter().enumerate() {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| {
                format!(
                    "certificate {} of `{file}` cannot be used: {error}",
                    index + 1
                )
            })?;
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = include_str!("../../traffic/src/tls/ca.pem");

    /// How many certificates, or the problems, of a pipeline whose gates name a file with this content.
    fn check(content: Option<&str>) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        if let Some(content) = content {
            fs::write(folder.path().join("ca.pem"), content).unwrap();
        }
        let text = "[[pipeline]]\nname='w'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='web'\n\
             [pipeline.test_traffic]\nca = 'ca.pem'";
        let config = Config::parse(text).unwrap();
        let mut problems = Problems::default();
        let path = folder.path().join("pipelines.toml");
        match read(&config, &path, &mut problems) {
            Some(found) => Ok(found.values().map(Vec::len).sum()),
            None => {
                let [problem] = problems.as_slice() else {
                    panic!("{problems}");
                };
                assert!(
                    problem
                        .place
                        .ends_with("pipelines.toml: pipeline[0].test_traffic.ca")
                );
                Err(problem.message.clone())
            }
        }
    }

    #[test]
    fn certificates_are_read_and_mistakes_are_named() {
        assert_eq!(check(Some(CERTIFICATE)), Ok(1));
        assert_eq!(check(Some(&CERTIFICATE.repeat(2))), Ok(2));
        let cut: Vec<&str> = CERTIFICATE.lines().take(4).collect();
        let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let key = format!(
            "{CERTIFICATE}-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"
        );
        for (content, expected) in [
            (None, "cannot read `ca.pem`: No such file"),
            (Some(""), "`ca.pem` holds no certificate, expected PEM"),
            (
                Some("0\u{1}\u{2}"),
                "`ca.pem` holds no certificate, expected PEM",
            ),
            (Some(cut.join("\n").as_str()), "`ca.pem` is damaged: "),
            (Some(wrong), "certificate 1 of `ca.pem` cannot be used: "),
            (Some(key.as_str()), "`ca.pem` holds a private key"),
        ] {
            let said = check(content).unwrap_err();
            assert!(said.starts_with(expected), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
