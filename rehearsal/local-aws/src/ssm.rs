//! Systems Manager's Parameter Store: parameters of the standard tier, with their versions.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::context::Context;

/// So many of a parameter's versions are kept; the oldest goes for a new one (Systems Manager User Guide, "Working with parameter
/// versions"). Only a label could keep it, and labels are not simulated.
const VERSIONS_AT_MOST: usize = 100;

/// All parameters of the account.
pub struct Ssm {
    context: Context,
    parameters: Mutex<Vec<Parameter>>,
}

/// A parameter and its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub kind: Kind,
    /// The oldest first; at least one.
    pub versions: Vec<Version>,
}

/// One version of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub number: i64,
    pub value: String,
    pub at: SystemTime,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    String,
    StringList,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::String => "String",
            Kind::StringList => "StringList",
        }
    }
}

/// Whether a parameter that exists gets a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    Yes,
    No,
}

/// Why Parameter Store does not do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// GetParameter gives no sentence with it (awslabs/aws-simple-cicd #10, external-secrets/kubernetes-external-secrets #264).
    #[error("")]
    NoParameter,
    #[error("Systems Manager could not find version {1} of {0}. Verify the version and try again.")]
    NoVersion(String, String),
    #[error(
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
    )]
    Exists,
    /// The model's own description of the error.
    #[error(
        "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a parameter from a \
         String type to a SecureString type. You must create a new, unique parameter."
    )]
    OtherKind,
    #[error("A parameter type is required when you create a parameter.")]
    KindMissing,
}

impl Refused {
    /// The error's code.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::NoParameter => "ParameterNotFound",
            Refused::NoVersion(..) => "ParameterVersionNotFound",
            Refused::Exists => "ParameterAlreadyExists",
            Refused::OtherKind => "HierarchyTypeMismatchException",
            Refused::KindMissing => "ValidationException",
        }
    }
}

impl Ssm {
    pub fn new(context: Context) -> Ssm {
        Ssm {
            context,
            parameters: Mutex::default(),
        }
    }

    /// A parameter, and its latest version or the one of this number.
    pub fn parameter(
        &self,
        name: &str,
        number: Option<&str>,
    ) -> Result<(Parameter, Version), Refused> {
        let parameters = self.lock();
        let mut all = parameters.iter();
        let parameter = all.find(|parameter| parameter.name == name);
        let parameter = parameter.ok_or(Refused::NoParameter)?;
        let is_wanted =
            |version: &&Version| number.is_none_or(|number| number == version.number.to_string());
        let version = parameter.versions.iter().rev().find(is_wanted);
        let version = version.ok_or_else(|| {
            let number = number.unwrap_or_default().to_owned();
            Refused::NoVersion(name.to_owned(), number)
        })?;
        Ok((parameter.clone(), version.clone()))
    }

    /// Creates a parameter, or gives it a new version. Returns the version's number.
    pub fn put(
        &self,
        name: &str,
        value: &str,
        kind: Option<Kind>,
        overwrite: Overwrite,
    ) -> Result<i64, Refused> {
        let version = |number: i64| Version {
            number,
            value: value.to_owned(),
            at: self.context.clock.now(),
        };
        let mut parameters = self.lock();
        let Some(known) = parameters.iter_mut().find(|known| known.name == name) else {
            parameters.push(Parameter {
                name: name.to_owned(),
                kind: kind.ok_or(Refused::KindMissing)?,
                versions: vec![version(1)],
            });
            return Ok(1);
        };
        if overwrite == Overwrite::No {
            return Err(Refused::Exists);
        }
        if kind.is_some_and(|kind| kind != known.kind) {
            return Err(Refused::OtherKind);
        }
        let latest = known.versions.last().map_or(0, |version| version.number);
        if known.versions.len() == VERSIONS_AT_MOST {
            known.versions.remove(0);
        }
        known.versions.push(version(latest + 1));
        Ok(latest + 1)
    }

    /// Every parameter, in the order of their creation.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Parameter>> {
        self.parameters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assumption::Assumptions;
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_parameter_has_versions_of_one_kind_and_the_oldest_goes() {
        let ssm = Ssm::new(Context::new(Clock::start(), Assumptions::default()));
        let put = |value: &str, kind, overwrite| ssm.put("/shop/image", value, kind, overwrite);
        let value = |number| {
            ssm.parameter("/shop/image", number)
                .map(|(_, one)| one.value)
        };
        assert_eq!(value(None), Err(Refused::NoParameter));
        assert_eq!(put("a", None, Overwrite::Yes), Err(Refused::KindMissing));
        assert_eq!(put("a", Some(Kind::String), Overwrite::No), Ok(1));
        assert_eq!(put("b", None, Overwrite::No), Err(Refused::Exists));
        let list = put("b", Some(Kind::StringList), Overwrite::Yes);
        assert_eq!(list, Err(Refused::OtherKind));
        assert_eq!(put("b", None, Overwrite::Yes), Ok(2));
        assert_eq!(value(None).as_deref(), Ok("b"));
        assert_eq!(value(Some("1")).as_deref(), Ok("a"));
        for number in 3..=101 {
            assert_eq!(put("c", None, Overwrite::Yes), Ok(number));
        }
        let gone = Refused::NoVersion("/shop/image".to_owned(), "1".to_owned());
        assert_eq!(value(Some("1")), Err(gone));
        assert_eq!(value(Some("2")).as_deref(), Ok("b"));
    }
}
