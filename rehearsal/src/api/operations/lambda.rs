//! Lambda's Invoke.

use serde_json::{Value, json};

use super::Call;
use crate::api::Reply;
use crate::api::error::ApiError;
use crate::identity::arn;
use crate::lambda::Answer;

pub(super) async fn invoke(call: Call<'_>) -> Result<Reply, ApiError> {
    let name = call.input.required_text("FunctionName")?;
    let payload = call
        .input
        .value("Payload")
        .cloned()
        .unwrap_or_else(|| json!({}));
    let not_found = || {
        let function = if name.starts_with("arn:") {
            name.to_owned()
        } else {
            arn("lambda", &format!("function:{name}"))
        };
        ApiError::new(
            "ResourceNotFoundException",
            format!("Function not found: {function}"),
        )
        .with_status(404)
    };
    let function = call.aws.lambda.find(name).ok_or_else(not_found)?;
    let nothing = |status| Reply {
        status,
        body: Value::Null,
        function_error: false,
    };
    match call
        .input
        .text("InvocationType")?
        .unwrap_or("RequestResponse")
    {
        "Event" => {
            call.aws
                .lambda
                .invoke_async(&function.name, payload)
                .map_err(|_| not_found())?;
            Ok(nothing(202))
        }
        "DryRun" => Ok(nothing(204)),
        "RequestResponse" => match call.aws.lambda.invoke(&function.name, payload).await {
            Ok(Answer::Response(body)) => Ok(Reply {
                status: 200,
                body,
                function_error: false,
            }),
            Ok(Answer::Error {
                error_type,
                error_message,
            }) => {
                let body = json!({ "errorType": error_type, "errorMessage": error_message });
                Ok(Reply {
                    status: 200,
                    body,
                    function_error: true,
                })
            }
            Err(error) => {
                Err(ApiError::new("ServiceException", format!("{error:#}")).with_status(500))
            }
        },
        other => {
            let message = format!(
                "1 validation error detected: Value '{other}' at 'invocationType' failed to satisfy constraint: Member \
                 must satisfy enum value set: [Event, RequestResponse, DryRun]"
            );
            Err(ApiError::new("InvalidParameterValueException", message))
        }
    }
}
