//! What a stack has from outside: parameters that a person gives, outputs and exports of other stacks, and values of SSM parameters.

use std::collections::BTreeMap;

use serde_json::Value;

use super::file::TemplateFile;
use super::plan::Plan;
use crate::ecr::ImageSettings;
use crate::identity::REGISTRY;
use crate::template::parameters::{OF_SSM, Stored, value_of};

/// The image of instances, which run nothing of their own.
const INSTANCE_IMAGE: &str = "ami-0123456789abcdef0";

/// What stacks have from outside.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Parameters that a person gives, to every template that has them.
    pub given: BTreeMap<String, String>,
    /// Outputs of the stacks before.
    pub outputs: BTreeMap<String, String>,
    pub exports: BTreeMap<String, String>,
    /// Certificates that are there before the stacks: the names in each, by its ARN.
    pub certificates: BTreeMap<String, Vec<String>>,
    /// Repositories of the stacks before.
    pub repositories: Vec<String>,
    /// The version of the first image in each of them.
    pub version: String,
}

impl Surroundings {
    /// Adds what a stack has made, or will make.
    pub fn with(mut self, plan: &Plan) -> Surroundings {
        for (name, output) in &plan.outputs {
            self.outputs.insert(name.clone(), output.value.clone());
            let export = output.export.iter();
            let export = export.map(|export| (export.clone(), output.value.clone()));
            self.exports.extend(export);
        }
        self.repositories.extend(plan.repositories.clone());
        self
    }

    /// The value of a parameter that a person gives, that an output is called as, or that an output of words such as `Vpc=…` holds:
    /// what is written behind `--parameter-overrides`.
    pub(super) fn value(&self, parameter: &str) -> Option<String> {
        let given = self.given.get(parameter).cloned();
        let output = || self.outputs.get(parameter).cloned();
        given.or_else(output).or_else(|| {
            let mut outputs = self.outputs.values();
            outputs.find_map(|output| words(output)?.remove(parameter))
        })
    }

    /// The values of a file's parameters, or what is wrong with each of them.
    pub(super) fn parameters(
        &self,
        file: &TemplateFile,
    ) -> Result<BTreeMap<String, Value>, Vec<String>> {
        let (mut values, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, parameter) in file.section("Parameters") {
            let given = self.value(name);
            let stored = self.stored(parameter, given.as_deref());
            match value_of(name, parameter, given.as_ref(), &stored) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(error) => problems.push(format!("at `Parameters.{name}`: {error:#}")),
            }
        }
        match problems.is_empty() {
            true => Ok(values),
            false => Err(problems),
        }
    }

    /// The value of the SSM parameter that a parameter names: the image that instances have, or the first image of a repository, of
    /// the one whose name is in the parameter's name where there are several.
    fn stored(&self, parameter: &Value, given: Option<&str>) -> Stored {
        let of_type = parameter["Type"].as_str().unwrap_or_default();
        let name = given.or(parameter["Default"].as_str()).unwrap_or_default();
        let value = match () {
            () if !of_type.starts_with(OF_SSM) => None,
            () if of_type.contains("AWS::EC2::Image::Id") => Some(INSTANCE_IMAGE.to_owned()),
            () => {
                let named = |known: &&String| name.contains(&format!("/{known}/"));
                let mut named = self.repositories.iter().filter(named);
                let repository = named.next().or(match self.repositories.as_slice() {
                    [only] => Some(only),
                    [] | [_, _, ..] => None,
                });
                repository.map(|repository| self.first_image(repository))
            }
        };
        let stored = value.map(|value| (name.to_owned(), value));
        stored.into_iter().collect()
    }

    /// The first image of a repository, as a task definition names it.
    fn first_image(&self, repository: &str) -> String {
        let digest = ImageSettings::new(repository, &[], &self.version).digest();
        format!("{REGISTRY}/{repository}@{digest}")
    }

    /// Every parameter of the files that has no value: no default, not given, and in no output of Greenlight or of a file before.
    pub fn missing(&self, files: &[TemplateFile]) -> Vec<String> {
        let mut missing = Vec::new();
        for (at, file) in files.iter().enumerate() {
            for (name, parameter) in file.section("Parameters") {
                let is_offered = |before: &TemplateFile| before.offers().contains(name);
                if parameter.get("Default").is_none()
                    && self.value(name).is_none()
                    && !files[..at].iter().any(is_offered)
                {
                    let what = parameter["Description"].as_str().unwrap_or_default();
                    missing.push(format!("`{name}` of `{}`: {}", file.path, what.trim()));
                }
            }
        }
        missing
    }
}

/// The words `NAME=VALUE` of an output, if it is made of nothing else.
fn words(output: &str) -> Option<BTreeMap<String, String>> {
    let word = |word: &str| {
        let (name, value) = word.split_once('=')?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_name.then(|| (name.to_owned(), value.to_owned()))
    };
    output.split_whitespace().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_comes_from_a_person_first_then_from_outputs() {
        let map = |pairs: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            pairs.iter().map(pair).collect::<BTreeMap<_, _>>()
        };
        let surroundings = Surroundings {
            given: map(&[("A", "given")]),
            outputs: map(&[
                ("A", "output"),
                ("B", "output"),
                ("Words", "C=1 D=a,b"),
                ("Lines", "\"C=2\",\n\"E=1\","),
            ]),
            ..Surroundings::default()
        };
        let value = |name: &str| surroundings.value(name).unwrap_or_default();
        assert_eq!(
            ["A", "B", "C", "D", "E"].map(value),
            ["given", "output", "1", "a,b", ""]
        );
    }
}
