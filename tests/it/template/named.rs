//! Where a function must be named beside `template.yaml`: one test says what is missing, in which file, and what to do.

use serde_json::json;

use super::read::{Function, camel_case, functions, template};
use crate::repository;

/// A file that names every function.
struct Place {
    file: Where,
    /// How it names one; `NAME` stands for the name.
    so: &'static str,
    /// What is to be done where it is missing.
    remedy: &'static str,
}

enum Where {
    At(&'static str),
    /// The file below this folder that holds this text.
    Holding(&'static str, &'static str),
}
use Where::{At, Holding};

const PLACES: [Place; 2] = [
    Place {
        file: At("ARCHITECTURE.md"),
        so: "\n| `NAME` |",
        remedy: "add its row to the table of functions",
    },
    Place {
        file: Holding("rehearsal", "const CALLS: [(&str, &[&str])"),
        so: "\"NAME\"",
        remedy: "choose the calls that storms inject faults into",
    },
];

/// What hooks have in common, these tests do with each of them. Every other function is an event's own.
const PLACES_OF_OTHERS_THAN_HOOKS: [Place; 4] = [
    Place {
        file: At("tests/it/events.rs"),
        so: "\"NAME\"",
        remedy: "say in `reading` what it makes of its events",
    },
    Place {
        file: At("tests/it/hostile/binaries.rs"),
        so: "\"NAME\"",
        remedy: "list what it may change in `whole_works` and add a test that breaks its events",
    },
    Place {
        file: At("tests/it/functions/secrets.rs"),
        so: "\"NAME\"",
        remedy: "add a situation in which secrets pass through it",
    },
    Place {
        file: At("tests/outside/measure.py"),
        so: "\"NAME\"",
        remedy: "choose the sample event that it is measured with",
    },
];

impl Place {
    fn path(&self) -> String {
        let (folder, text) = match self.file {
            At(path) => return path.to_owned(),
            Holding(folder, text) => (folder, text),
        };
        let mut files = repository::files(folder).into_iter();
        let found = files.find(|path| repository::text(path).contains(text));
        found.unwrap_or_else(|| {
            panic!(
                "no file below {folder} holds `{text}`, correct or drop that place in {}",
                file!()
            )
        })
    }
}

/// Every part of the function that is not where it should be.
fn missing(function: &Function) -> Vec<String> {
    let Function { id, name, .. } = function;
    let mut missing = Vec::new();
    let mut expect = |is_there: bool, said: String| {
        if !is_there {
            missing.push(said);
        }
    };
    expect(
        *id == camel_case(name, '-'),
        format!(
            "{id} of template.yaml is not the binary's name, call it {}",
            camel_case(name, '-')
        ),
    );
    let build = json!({"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": name}});
    expect(
        template()["Resources"][id]["Metadata"] == build,
        format!("template.yaml is without the build of {id}, set its Metadata to {build}"),
    );
    expect(
        template()["Outputs"][id]["Value"] == json!({"Ref": id}),
        format!("template.yaml is without the output {id}, add it"),
    );
    let manifest = format!("functions/{name}/Cargo.toml");
    let is_built = repository::root().join(&manifest).exists()
        && repository::text(&manifest)
            .matches(&format!("name = \"{name}\""))
            .count()
            == 2;
    expect(
        is_built,
        format!("{manifest} is not a package and a binary `{name}`, make it both"),
    );
    let folder = format!("events/{name}");
    expect(
        repository::root().join(&folder).exists() && !repository::files(&folder).is_empty(),
        format!("{folder} is empty, add every event that the function can get"),
    );
    let of_others: &[Place] = match function.hook {
        Some(_) => &[],
        None => &PLACES_OF_OTHERS_THAN_HOOKS,
    };
    for place in PLACES.iter().chain(of_others) {
        let file = place.path();
        expect(
            repository::text(&file).contains(&place.so.replace("NAME", name)),
            format!("{file} is without `{name}`, {}", place.remedy),
        );
    }
    missing
}

#[test]
fn every_function_of_the_template_is_named_wherever_it_must_be() {
    let missing: Vec<String> = functions().iter().flat_map(missing).collect();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn nothing_is_named_after_a_function_that_the_template_does_not_have() {
    for folder in ["functions", "events"] {
        for path in repository::files(folder) {
            let name = path.split('/').nth(1).unwrap();
            assert!(
                functions().iter().any(|function| function.name == name),
                "{folder}/{name} is of no function in template.yaml, add one with `Binary: {name}` or remove it"
            );
        }
    }
}
