//! What the policies of a role say to several actions at once, each with the keys of conditions that it comes with.

use rules::doctor::Simulated;

use super::Iam;
use crate::call::{Call, CallFailed};
use crate::xml::{members, text};

impl Iam {
    /// What the role's policies say to an action on each of these resources; `context` are keys of conditions with their values.
    ///
    /// # Errors
    /// The call failed; [`Kind::NotFound`](crate::Kind::NotFound) where there is no such role.
    pub async fn simulate(
        &self,
        role_arn: &str,
        action: &str,
        resources: &[&str],
        context: &[(&str, &str)],
    ) -> Result<Vec<Simulated>, CallFailed> {
        let call = Call::new("iam:SimulatePrincipalPolicy", role_arn);
        let mut asked = vec![
            ("PolicySourceArn".to_owned(), role_arn),
            ("ActionNames.member.1".to_owned(), action),
        ];
        for (index, resource) in resources.iter().enumerate() {
            asked.push((format!("ResourceArns.member.{}", index + 1), resource));
        }
        for (index, (key, value)) in context.iter().enumerate() {
            let entry = format!("ContextEntries.member.{}", index + 1);
            asked.push((format!("{entry}.ContextKeyName"), key));
            asked.push((format!("{entry}.ContextKeyValues.member.1"), value));
            asked.push((format!("{entry}.ContextKeyType"), "string"));
        }
        let asked: Vec<(&str, &str)> = asked
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let answer = self.ask(&call, "SimulatePrincipalPolicy", &asked).await?;
        let results = members(&answer, "EvaluationResults").into_iter();
        let results = results.map(|result| {
            Ok(Simulated {
                action: action.to_owned(),
                resource: text(result, "EvalResourceName").unwrap_or_else(|| "*".to_owned()),
                decision: call.required(text(result, "EvalDecision"), "EvalDecision")?,
                missing_keys: members(result, "MissingContextValues")
                    .into_iter()
                    .map(|key| key.trim().to_owned())
                    .collect(),
            })
        });
        results.collect()
    }
}
