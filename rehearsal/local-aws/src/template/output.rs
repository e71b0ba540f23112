//! Outputs of a template.

use anyhow::Context as _;
use serde_json::Value;

use crate::cloudformation::Output;
use crate::template::intrinsics::Scope;
use crate::template::parameters::text;

/// An output; none where its condition is false. CloudFormation refuses a value that is not a string.
pub(crate) fn read(scope: &Scope, written: &Value, path: &str) -> anyhow::Result<Option<Output>> {
    if !scope.is_made(written)? {
        return Ok(None);
    }
    let resolved = |part: &Value, path: &str| {
        let value = scope.resolve(part, path)?.unwrap_or_default();
        text(&value).with_context(|| format!("at `{path}`"))
    };
    let export = written.pointer("/Export/Name");
    let export = export.map(|name| resolved(name, &format!("{path}.Export.Name")));
    let description = written["Description"].as_str();
    Ok(Some(Output {
        value: resolved(&written["Value"], &format!("{path}.Value"))?,
        description: description.map(ToOwned::to_owned),
        export: export.transpose()?,
    }))
}
