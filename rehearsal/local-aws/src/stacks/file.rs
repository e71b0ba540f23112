//! A template file, as far as it is read without parameters.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde_json::{Map, Value};

use crate::template::yaml;

/// The sections that are read or have no effect.
const SECTIONS: [&str; 8] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
];

/// A template of a stack.
#[derive(Debug, Clone)]
pub struct TemplateFile {
    /// The path as given.
    pub path: String,
    /// The name of its stack.
    pub stack: String,
    pub(super) template: Value,
}

impl TemplateFile {
    /// The stack is called as the file is, without its ending.
    pub fn parse(path: &str, text: &str) -> anyhow::Result<TemplateFile> {
        let template = yaml::read(text).with_context(|| format!("in `{path}`"))?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let name = name.split('.').next().unwrap_or(name);
        let letters = name.chars().map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() => letter,
            _ => '-',
        });
        Ok(TemplateFile {
            path: path.to_owned(),
            stack: letters.collect(),
            template,
        })
    }

    pub(super) fn section(&self, name: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.template[name].as_object().into_iter().flatten()
    }

    /// The sections that are not read.
    pub(super) fn unread_sections(&self) -> Vec<String> {
        let sections = self.template.as_object();
        let names = sections.into_iter().flat_map(Map::keys);
        let unread = names.filter(|name| !SECTIONS.contains(&name.as_str()));
        unread.cloned().collect()
    }

    /// The names of its parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.section("Parameters").map(|(name, _)| name.as_str())
    }

    /// The names of its outputs, and words such as `Vpc` of `Vpc=…` in them: what a file behind it may get from them.
    pub(super) fn offers(&self) -> BTreeSet<String> {
        let mut offered = BTreeSet::new();
        for (name, output) in self.section("Outputs") {
            offered.insert(name.clone());
            let written = output.to_string();
            let mut rest = written.as_str();
            while let Some((before, after)) = rest.split_once('=') {
                let word = before.rsplit(|letter: char| !letter.is_ascii_alphanumeric());
                offered.extend(word.take(1).map(ToOwned::to_owned));
                rest = after;
            }
        }
        offered
    }
}

/// The logical ids and parameters that a part of a template names.
pub(super) fn named_in(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    let mut substituted = |text: &str| {
        let names = text.split("${").skip(1).filter_map(|rest| {
            let name = rest.split(['}', '.']).next()?;
            (!name.starts_with('!')).then(|| name.to_owned())
        });
        found.extend(names);
    };
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("Fn::Sub", Value::String(text)) => substituted(text),
                    ("Fn::Sub", Value::Array(parts)) => {
                        let text = parts.first().and_then(Value::as_str);
                        substituted(text.unwrap_or_default());
                    }
                    _ => {}
                }
            }
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("Ref", Value::String(of)) => {
                        found.insert(of.clone());
                    }
                    ("Fn::GetAtt", Value::Array(of)) => {
                        found.extend(of.first().and_then(Value::as_str).map(ToOwned::to_owned));
                    }
                    (_, member) => collect(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_what_it_refers_to_and_offers_its_outputs() {
        let text = "Resources:\n  A:\n    Properties:\n      P: !Sub [\"${B}-${C.Arn}-${!D}\", {B: !Ref E}]\n      Q: !GetAtt F.Arn\n\
            Outputs:\n  G:\n    Value: !Sub Vpc=${H} Cluster=x\n";
        let file = TemplateFile::parse("a/my network.yaml", text).unwrap();
        assert_eq!(file.stack, "my-network");
        let named: Vec<String> = named_in(&file.template["Resources"]).into_iter().collect();
        assert_eq!(named, ["B", "C", "E", "F"]);
        let offered: Vec<String> = file.offers().into_iter().collect();
        assert_eq!(offered, ["Cluster", "G", "Vpc"]);
        assert!(file.unread_sections().is_empty());
    }
}
