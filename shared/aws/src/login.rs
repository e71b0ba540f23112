//! A session of a person at a terminal: a profile, a Region, and whether there are credentials at all.

use std::error::Error;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_ecs::config::{ProvideCredentials, SharedCredentialsProvider};

use crate::Session;
use crate::session::{connector, of_environment};
use crate::text::one_line;

/// Who asks, and where, as far as it is said on the command line. What is left out is as the SDK finds it: environment, profile, SSO,
/// a program of the profile, a role of the machine.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// A profile of the shared configuration.
    pub profile: Option<String>,
    /// A Region.
    pub region: Option<String>,
}

/// Why AWS cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoLogin {
    /// Nothing says which Region.
    #[error(
        "no Region is set (hint: `--region eu-central-1`, the variable AWS_REGION, or `region` in the profile)"
    )]
    Region,
    /// There are no credentials, or what gives them refused.
    #[error("no credentials: {cause} (hint: {})", remedy(.profile.as_deref()))]
    Credentials {
        /// What the SDK says of it.
        cause: String,
        /// The profile that was asked for.
        profile: Option<String>,
    },
}

fn remedy(profile: Option<&str>) -> String {
    match profile {
        Some(profile) => {
            format!("`aws sso login --profile {profile}`, or `aws configure --profile {profile}`")
        }
        None => {
            "`aws sso login`, `aws configure`, or `--profile` with one that is set up".to_owned()
        }
    }
}

impl Session {
    /// As a person asks for it. Credentials are fetched once, so that their absence is said before any call.
    ///
    /// # Errors
    /// There is no Region, or there are no credentials.
    pub async fn log_in(login: &Login) -> Result<Self, NoLogin> {
        let mut loader = of_environment();
        if let Some(profile) = &login.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &login.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let mut config = loader.load().await;
        if config.region().is_none() {
            return Err(NoLogin::Region);
        }
        if let Some(profile) = &login.profile {
            config = with_profile(config, profile);
        }
        let refused = |cause: String| NoLogin::Credentials {
            cause,
            profile: login.profile.clone(),
        };
        let provider = config.credentials_provider();
        let provider = provider.ok_or_else(|| refused("nothing provides them".to_owned()))?;
        let provided = provider.provide_credentials().await;
        provided.map_err(|error| refused(innermost(&error)))?;
        Ok(Self { config })
    }

    /// The Region that is asked.
    pub fn region(&self) -> &str {
        let region = self.config.region();
        region.map_or("", |region| region.as_ref())
    }
}

/// What is named counts, as with the AWS CLI: the SDK's own chain asks the environment first.
fn with_profile(config: SdkConfig, profile: &str) -> SdkConfig {
    let of_chain = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_http_client(connector());
    let of_profile = ProfileFileCredentialsProvider::builder()
        .configure(&of_chain)
        .profile_name(profile)
        .build();
    let provider = SharedCredentialsProvider::new(of_profile);
    config.into_builder().credentials_provider(provider).build()
}

/// How the SDK begins when it found none anywhere; a list of places follows.
const NONE_IN_CHAIN: &str = "no credentials found in chain";

/// What the SDK says of a profile that is not there, or says nothing of credentials.
const NOT_IN_PROFILE: &str = "the credential provider was not enabled";

/// The error below all others: those only say that something below them failed.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let innermost = std::iter::successors(Some(error), |&error| error.source()).last();
    let text = innermost.map(ToString::to_string).unwrap_or_default();
    if text.starts_with(NONE_IN_CHAIN) {
        "neither environment, profile, SSO nor a role of this machine has any".to_owned()
    } else if text == NOT_IN_PROFILE {
        "there is no such profile, or nothing in it gives any".to_owned()
    } else {
        one_line(&text, 200)
    }
}
