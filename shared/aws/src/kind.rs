//! What to branch on when a call failed.

/// Why a call failed, as far as code has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Too many calls, also after retries. Nothing was done.
    Throttled,
    /// The role lacks the permission, or the credentials are not valid.
    Denied,
    /// What the call is about does not exist.
    NotFound,
    /// What the call is about is in a state that does not allow it.
    Conflict,
    /// A quota is used up; a deployment group has one active deployment and no room for another.
    LimitExceeded,
    /// AWS refused the request itself.
    Invalid,
    /// No answer, or a server error: it is not known whether something was done.
    Unavailable,
    /// An answer that this build cannot read, or a call that could not be made at all.
    Unexpected,
}

/// Codes of credentials that are not valid, as opposed to a missing permission.
pub(crate) const BAD_CREDENTIALS: [&str; 7] = [
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignature",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
];

/// AWS's codes are many and follow a few patterns; the order matters (`RequestLimitExceeded` is throttling).
pub(crate) fn kind_of(status: u16, code: &str) -> Kind {
    let has = |patterns: &[&str]| patterns.iter().any(|pattern| code.contains(pattern));
    if status == 429
        || has(&[
            "Throttl",
            "TooManyRequests",
            "RequestLimitExceeded",
            "SlowDown",
        ])
    {
        Kind::Throttled
    } else if has(&[
        "AccessDenied",
        "AuthorizationError",
        "Unauthorized",
        "NotAuthorized",
        "OptInRequired",
    ]) || has(&BAD_CREDENTIALS)
    {
        Kind::Denied
    } else if has(&["NotFound", "DoesNotExist"]) {
        Kind::NotFound
    } else if has(&[
        "Conflict",
        "AlreadyExists",
        "AlreadyCompleted",
        "NotInReadyState",
        "NotStarted",
    ]) || has(&["InvalidDeploymentStatus", "InUse", "TooManyUpdates"])
    {
        Kind::Conflict
    } else if has(&["LimitExceeded", "QuotaExceeded"]) {
        Kind::LimitExceeded
    } else if status >= 500
        || status == 408
        || has(&[
            "ServerException",
            "InternalError",
            "InternalFailure",
            "RequestTimeout",
        ])
    {
        Kind::Unavailable
    } else {
        match status {
            401 | 403 => Kind::Denied,
            404 => Kind::NotFound,
            409 => Kind::Conflict,
            400..=499 => Kind::Invalid,
            // A part of the request that an answer states as failed (PutEvents' `MalformedDetail`).
            200 if !code.is_empty() => Kind::Invalid,
            _ => Kind::Unexpected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses_have_a_kind() {
        let table = [
            (400, "ThrottlingException", Kind::Throttled),
            (400, "Throttling", Kind::Throttled),
            (503, "RequestLimitExceeded", Kind::Throttled),
            (429, "", Kind::Throttled),
            (400, "AccessDeniedException", Kind::Denied),
            (403, "AccessDenied", Kind::Denied),
            (403, "AuthorizationError", Kind::Denied),
            (400, "UnrecognizedClientException", Kind::Denied),
            (403, "", Kind::Denied),
            (400, "ClusterNotFoundException", Kind::NotFound),
            (400, "DeploymentGroupDoesNotExistException", Kind::NotFound),
            (404, "NotFound", Kind::NotFound),
            (404, "", Kind::NotFound),
            (400, "ConflictException", Kind::Conflict),
            (400, "DeploymentIsNotInReadyStateException", Kind::Conflict),
            (400, "DeploymentAlreadyCompletedException", Kind::Conflict),
            (400, "DeploymentNotStartedException", Kind::Conflict),
            (400, "TooManyUpdates", Kind::Conflict),
            (400, "ParameterNotFound", Kind::NotFound),
            (409, "", Kind::Conflict),
            (400, "DeploymentLimitExceededException", Kind::LimitExceeded),
            (402, "ServiceQuotaExceededException", Kind::LimitExceeded),
            (400, "InvalidParameterException", Kind::Invalid),
            (400, "ClientException", Kind::Invalid),
            (500, "ServerException", Kind::Unavailable),
            (400, "ServerException", Kind::Unavailable),
            (500, "InternalFailure", Kind::Unavailable),
            (502, "", Kind::Unavailable),
            (200, "MalformedDetail", Kind::Invalid),
            (200, "ThrottlingException", Kind::Throttled),
            (200, "InternalFailure", Kind::Unavailable),
            (200, "", Kind::Unexpected),
            (302, "", Kind::Unexpected),
        ];
        for (status, code, kind) in table {
            assert_eq!(kind_of(status, code), kind, "{status} {code}");
        }
    }
}
