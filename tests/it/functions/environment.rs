//! What `template.yaml` sets for the functions, each in its own environment there. Here all get all of it.

pub(super) const OF_GREENLIGHT: [(&str, &str); 12] = [
    (
        "GREENLIGHT_TOPIC_ARN",
        "arn:aws:sns:eu-central-1:111122223333:outcomes",
    ),
    (
        "GREENLIGHT_BUS_ARN",
        "arn:aws:events:eu-central-1:111122223333:event-bus/greenlight-outcomes",
    ),
    ("GREENLIGHT_MESSAGE_FORMAT", "json"),
    ("GREENLIGHT_MODE", "deploy"),
    ("GREENLIGHT_STACK", "greenlight"),
    (
        "GREENLIGHT_REGISTRY",
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com",
    ),
    ("GREENLIGHT_HOOK_AFTER_INSTALL", "migrate"),
    ("GREENLIGHT_HOOK_AFTER_ALLOW_TEST_TRAFFIC", "check"),
    ("GREENLIGHT_HOOK_AFTER_ALLOW_TRAFFIC", "check-production"),
    (
        "GREENLIGHT_FINISH_MIGRATION_ARN",
        "arn:aws:lambda:eu-central-1:111122223333:function:f",
    ),
    (
        "GREENLIGHT_SCHEDULE_ROLE_ARN",
        "arn:aws:iam::111122223333:role/r",
    ),
    (
        "GREENLIGHT_HOOK_ROLE_ARN",
        "arn:aws:iam::111122223333:role/greenlight-HookRole",
    ),
];
