//! CodeDeploy's operations on an application's revisions: the AppSpecs that were registered or shipped.

use serde_json::{Value, json};

use super::create::{app_spec_content, check_description, revision};
use super::lookup::{application, token};
use super::permissions::on_application;
use crate::api::error::ApiError;
use crate::api::input::Input;
use crate::api::operation::{Answer, Call, Operation};
use crate::api::page::page;
use crate::codedeploy::{ApplicationRevision, describe};
use crate::identity::sha256_hex;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "BatchGetApplicationRevisions",
        batch_get_application_revisions,
        on_application,
    ),
    Operation::new(
        "GetApplicationRevision",
        get_application_revision,
        on_application,
    ),
    Operation::new(
        "ListApplicationRevisions",
        list_application_revisions,
        on_application,
    ),
    Operation::new(
        "RegisterApplicationRevision",
        register_application_revision,
        on_application,
    ),
];

/// Finds a revision by its SHA-256, given or computed from its content.
fn sha256(revision: &Input<'_>) -> Result<String, ApiError> {
    let app_spec = app_spec_content(revision)?;
    match (app_spec.text("sha256")?, app_spec.text("content")?) {
        (Some(sha256), _) => Ok(sha256.to_owned()),
        (None, Some(content)) => Ok(sha256_hex(content)),
        (None, None) => Err(ApiError::new(
            "InvalidRevisionException",
            "The revision must name an AppSpec by its SHA-256",
        )),
    }
}

fn get_application_revision(call: Call<'_>) -> Answer {
    let sha256 = sha256(&call.input.required_structure("revision")?)?;
    call.aws.codedeploy.read(|state| {
        let application = application(call, state)?;
        let none = || {
            ApiError::new(
                "RevisionDoesNotExistException",
                "No revision found for the given SHA-256",
            )
        };
        let found = state
            .revision(&application.name, &sha256)
            .ok_or_else(none)?;
        let mut answer = describe::application_revision(found);
        answer["applicationName"] = json!(application.name);
        Ok(answer)
    })
}

fn batch_get_application_revisions(call: Call<'_>) -> Answer {
    let wanted = call.input.structures("revisions")?;
    if wanted.is_empty() {
        return Err(call.input.missing("revision"));
    }
    if wanted.len() > 25 {
        let message = "The maximum number of revisions is 25";
        return Err(ApiError::new("BatchLimitExceededException", message));
    }
    let wanted = wanted.iter().map(sha256).collect::<Result<Vec<_>, _>>()?;
    call.aws.codedeploy.read(|state| {
        let name = &application(call, state)?.name;
        let found = wanted
            .iter()
            .filter_map(|sha256| state.revision(name, sha256));
        let described = found.map(|found| {
            let described = describe::application_revision(found);
            json!({ "revisionLocation": described["revision"], "genericRevisionInfo": described["revisionInfo"] })
        });
        Ok(json!({ "applicationName": name, "revisions": described.collect::<Vec<Value>>() }))
    })
}

fn register_application_revision(call: Call<'_>) -> Answer {
    let (_, content) = revision(call)?;
    let description = check_description(call)?.map(ToOwned::to_owned);
    let now = call.aws.clock.now();
    call.aws.codedeploy.write(|state| {
        let name = application(call, state)?.name.clone();
        let sha256 = sha256_hex(&content);
        state.register_revision(&name, (&sha256, &content), description, now);
        Ok(json!({}))
    })
}

/// `sortBy`, `sortOrder` and `deployed` of ListApplicationRevisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listing<'a> {
    by: Option<&'a str>,
    descending: bool,
    deployed: Option<bool>,
}

fn listing<'a>(input: &Input<'a>) -> Result<Listing<'a>, ApiError> {
    let by = input.text("sortBy")?;
    if !matches!(
        by,
        None | Some("registerTime" | "firstUsedTime" | "lastUsedTime")
    ) {
        let message = "The column name to sort by is not valid";
        return Err(ApiError::new("InvalidSortByException", message));
    }
    let descending = match input.text("sortOrder")? {
        Some("descending") => true,
        Some("ascending") | None => false,
        Some(_) => {
            let message = "The sort order must be ascending or descending";
            return Err(ApiError::new("InvalidSortOrderException", message));
        }
    };
    let deployed = match input.text("deployed")? {
        Some("include") => Some(true),
        Some("exclude") => Some(false),
        Some("ignore") | None => None,
        Some(_) => {
            let message = "The deployed state filter must be include, exclude or ignore";
            return Err(ApiError::new(
                "InvalidDeployedStateFilterException",
                message,
            ));
        }
    };
    Ok(Listing {
        by,
        descending,
        deployed,
    })
}

impl Listing<'_> {
    fn of(self, mut revisions: Vec<ApplicationRevision>) -> Vec<ApplicationRevision> {
        let shipped = |revision: &ApplicationRevision| revision.used.is_some();
        revisions.retain(|revision| {
            self.deployed
                .is_none_or(|deployed| shipped(revision) == deployed)
        });
        revisions.sort_by_key(|revision| match self.by {
            Some("firstUsedTime") => revision.used.as_ref().map(|used| used.first),
            Some("lastUsedTime") => revision.used.as_ref().map(|used| used.last),
            Some(_) | None => Some(revision.registered_at),
        });
        if self.descending {
            revisions.reverse();
        }
        revisions
    }
}

fn list_application_revisions(call: Call<'_>) -> Answer {
    let listing = listing(&call.input)?;
    let revisions = call.aws.codedeploy.read(|state| {
        let name = &application(call, state)?.name;
        let of_application = |revision: &&ApplicationRevision| &revision.application == name;
        let revisions = state.revisions.iter().filter(of_application);
        Ok::<_, ApiError>(revisions.cloned().collect())
    })?;
    let part = page(listing.of(revisions), 100, call.input.text("nextToken")?).map_err(token)?;
    // Without content, as everywhere but in GetApplicationRevision; inferred.
    let locations = part
        .items
        .iter()
        .map(|revision| describe::revision(&revision.sha256, None));
    let mut answer = json!({ "revisions": locations.collect::<Vec<Value>>() });
    if let Some(token) = part.next_token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::api::operations::codedeploy::lookup::missing;
    use crate::codedeploy::RevisionUse;

    /// Registered in the order a, b, c; c was used first and last, b never.
    fn revisions() -> Vec<ApplicationRevision> {
        let at = |second| UNIX_EPOCH + Duration::from_secs(second);
        let revision = |sha256: &str, registered, used: Option<(u64, u64)>| ApplicationRevision {
            application: "shop".to_owned(),
            sha256: sha256.to_owned(),
            content: String::new(),
            description: None,
            registered_at: at(registered),
            used: used.map(|(first, last)| RevisionUse {
                groups: Vec::new(),
                first: at(first),
                last: at(last),
            }),
        };
        vec![
            revision("a", 1, Some((6, 7))),
            revision("b", 2, None),
            revision("c", 3, Some((5, 8))),
        ]
    }

    fn check(request: Value) -> String {
        let input = Input::new(&request, missing).unwrap();
        match listing(&input) {
            Ok(listing) => listing
                .of(revisions())
                .into_iter()
                .map(|found| found.sha256)
                .collect(),
            Err(error) => error.code.into_owned(),
        }
    }

    #[test]
    fn revisions_are_filtered_and_sorted() {
        let cases = [
            (json!({}), "abc"),
            (json!({ "sortOrder": "descending" }), "cba"),
            (json!({ "deployed": "include" }), "ac"),
            (json!({ "deployed": "exclude" }), "b"),
            (
                json!({ "deployed": "include", "sortBy": "firstUsedTime" }),
                "ca",
            ),
            (
                json!({ "deployed": "include", "sortBy": "lastUsedTime" }),
                "ac",
            ),
            (json!({ "sortBy": "size" }), "InvalidSortByException"),
            (json!({ "sortOrder": "up" }), "InvalidSortOrderException"),
            (
                json!({ "deployed": "yes" }),
                "InvalidDeployedStateFilterException",
            ),
        ];
        for (request, wanted) in cases {
            assert_eq!(check(request.clone()), wanted, "{request}");
        }
    }
}
