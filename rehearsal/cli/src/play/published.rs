//! The SSM parameters that pipelines write (`publish`).

use std::collections::BTreeMap;

use toml::{Table, Value};

/// The template's parameter.
pub(super) const PARAMETER: &str = "PublishedParameters";

/// Its value as a careful person would set it: the folder of all parameters that a pipelines file
/// names. Empty where it names none.
pub(super) fn folder(pipelines: &str) -> String {
    let file: Table = pipelines.parse().unwrap_or_default();
    let entries = file.get("pipeline").and_then(Value::as_array);
    let names = entries.into_iter().flatten();
    let names = names.filter_map(|entry| entry.get("publish")?.as_str());
    let folders = names.filter_map(|name| name.rsplit_once('/'));
    let folders = folders.map(|(folder, _)| format!("{folder}/"));
    folders.reduce(common).unwrap_or_default()
}

/// With it the template grants whatever any pipelines could need: `--without` is checked before it is known which are played.
pub(crate) fn everywhere() -> BTreeMap<String, String> {
    BTreeMap::from([(PARAMETER.to_owned(), "/".to_owned())])
}

/// The folder that holds both.
fn common(one: String, other: String) -> String {
    let parts = one.split_inclusive('/').zip(other.split_inclusive('/'));
    let same = parts.take_while(|(one, other)| one == other);
    same.map(|(part, _)| part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_all_parameters_is_found() {
        for (names, expected) in [
            (&[][..], ""),
            (&["/shop/web/image"], "/shop/web/"),
            (&["/shop/web/image", "/shop/api/image"], "/shop/"),
            (&["/shop/web", "/pay/web"], "/"),
        ] {
            let entries = names
                .iter()
                .map(|name| format!("[[pipeline]]\npublish = '{name}'\n"));
            let file = entries.chain(["[[pipeline]]\nname = 'other'\n".to_owned()]);
            assert_eq!(folder(&file.collect::<String>()), expected, "{names:?}");
        }
    }
}
