//! A correct run of each scenario, in a few words.

/// A run in a few words.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) scenario: &'static str,
    /// A deployment, and the lifecycle event at which it failed, if it did.
    pub(super) deployments: &'static [(&'static str, &'static str)],
    pub(super) revisions: &'static [&'static str],
    pub(super) production: &'static [&'static str],
    /// A message, and its reason.
    pub(super) messages: &'static [(&'static str, &'static str)],
    pub(super) decisions: &'static [&'static str],
    /// Events and their times.
    pub(super) timeline: &'static [(&'static str, f64)],
}

const NOTHING: Run = Run {
    scenario: "",
    deployments: &[],
    revisions: &[],
    production: &[],
    messages: &[],
    decisions: &[],
    timeline: &[],
};
const SHIPPED: Run = Run {
    deployments: &[("1.1.0 Succeeded", "")],
    revisions: &["1.1.0"],
    production: &["1.0.0", "1.1.0"],
    messages: &[("started 1.1.0", ""), ("shipped 1.1.0", "")],
    ..NOTHING
};
const TWO_SHIPPED: Run = Run {
    deployments: &[("1.1.0 Succeeded", ""), ("1.2.0 Succeeded", "")],
    revisions: &["1.1.0", "1.2.0"],
    production: &["1.0.0", "1.1.0", "1.2.0"],
    messages: &[
        ("started 1.1.0", ""),
        ("shipped 1.1.0", ""),
        ("started 1.2.0", ""),
        ("shipped 1.2.0", ""),
    ],
    ..NOTHING
};
const SHIPPED_AND_BACK: Run = Run {
    deployments: &[("1.1.0 Succeeded", ""), ("1.0.0 Succeeded", "")],
    revisions: &["1.1.0", "1.0.0"],
    production: &["1.0.0", "1.1.0", "1.0.0"],
    messages: &[
        ("started 1.1.0", ""),
        ("shipped 1.1.0", ""),
        ("started 1.0.0", ""),
        ("shipped 1.0.0", ""),
    ],
    ..NOTHING
};
const STOPPED: Run = Run {
    deployments: &[
        ("1.1.0 Stopped MANUAL_STOP", "AllowTraffic"),
        ("rollback to 1.0.0 Succeeded", ""),
    ],
    revisions: &["1.1.0"],
    production: &["1.0.0", "1.1.0", "1.0.0"],
    messages: &[
        ("started 1.1.0", ""),
        ("stopped 1.1.0", "MANUAL_STOP; d-2 rolls it back"),
        (
            "rolled-back 1.1.0",
            "MANUAL_STOP; not tried again by itself",
        ),
    ],
    decisions: &["start", "failed-before"],
    ..NOTHING
};
const SECOND_SOON: &[(&str, f64)] = &[
    ("image pushed", 1.0),
    ("deployment created by user", 1.1),
    ("image pushed", 100.0),
    ("deployment created by user", 160.0),
];
const READY: &str = "continue-deployment READY_WAIT";
const LEFT: &str = "MANUAL_STOP, or timed out: 30 minutes; they stay as they are";
const LEFT_ON_GREEN: &str =
    "MANUAL_STOP; they stay as they are: aws elbv2 modify-listener --listener-arn";

pub(super) const RUNS: [Run; 21] = [
    Run {
        scenario: "two-deployments-in-a-row",
        ..TWO_SHIPPED
    },
    Run {
        scenario: "linear",
        timeline: &[
            ("production sends 0 % to green", 0.0),
            ("production sends 10 % to green", 1.0),
            ("production sends 20 % to green", 61.0),
            ("production sends 30 % to green", 121.0),
            ("production sends 40 % to green", 181.0),
            ("production sends 50 % to green", 241.0),
            ("production sends 60 % to green", 301.0),
            ("production sends 70 % to green", 361.0),
            ("production sends 80 % to green", 421.0),
            ("production sends 90 % to green", 481.0),
            ("production sends 100 % to green", 541.0),
        ],
        ..SHIPPED
    },
    Run {
        scenario: "no-test-listener",
        ..SHIPPED
    },
    Run {
        scenario: "ready-wait",
        messages: &[
            ("started 1.1.0", ""),
            ("ready 1.1.0", READY),
            ("shipped 1.1.0", ""),
        ],
        timeline: &[
            ("deployment Ready", 40.0),
            ("BeforeAllowTraffic InProgress", 41.0),
        ],
        ..SHIPPED
    },
    Run {
        scenario: "ready-wait-runs-out",
        deployments: &[("1.1.0 Stopped TIMEOUT", "")],
        production: &["1.0.0"],
        messages: &[
            ("started 1.1.0", ""),
            ("ready 1.1.0", READY),
            ("stopped 1.1.0", LEFT),
        ],
        ..SHIPPED
    },
    Run {
        scenario: "alarm-rollback",
        deployments: &[
            ("1.1.0 Stopped ALARM_ACTIVE", "AllowTraffic"),
            ("rollback to 1.0.0 Succeeded", ""),
        ],
        messages: &[
            ("started 1.1.0", ""),
            (
                "stopped 1.1.0",
                "ALARM_ACTIVE web-errors; d-2 rolls it back",
            ),
            ("rolled-back 1.1.0", "ALARM_ACTIVE web-errors"),
        ],
        ..STOPPED
    },
    Run {
        scenario: "alarm-already-on",
        deployments: &[
            ("1.1.0 Stopped ALARM_ACTIVE", "Install"),
            ("rollback to 1.0.0 Succeeded", ""),
        ],
        production: &["1.0.0"],
        messages: &[
            ("started 1.1.0", ""),
            ("stopped 1.1.0", "ALARM_ACTIVE web-errors"),
            ("rolled-back 1.1.0", ""),
        ],
        decisions: &[],
        ..STOPPED
    },
    Run {
        scenario: "stopped-by-hand",
        ..STOPPED
    },
    Run {
        scenario: "stopped-and-left",
        deployments: &[
            ("1.1.0 Stopped MANUAL_STOP", "AfterAllowTestTraffic"),
            ("1.2.0 Failed ELASTIC_LOAD_BALANCING_INVALID", "Install"),
        ],
        revisions: &["1.1.0", "1.2.0"],
        production: &["1.0.0"],
        messages: &[
            ("started 1.1.0", ""),
            ("stopped 1.1.0", LEFT_ON_GREEN),
            ("started 1.2.0", ""),
            (
                "failed 1.2.0",
                "Primary taskset target group must be behind listener; aws elbv2 modify-listener --listener-arn",
            ),
        ],
        ..NOTHING
    },
    Run {
        scenario: "rolled-back-in-the-termination-wait",
        deployments: &[
            ("1.1.0 Stopped MANUAL_STOP", ""),
            ("rollback to 1.0.0 Succeeded", ""),
        ],
        ..STOPPED
    },
    Run {
        scenario: "burst",
        deployments: &[("1.1.0 Succeeded", ""), ("1.5.0 Succeeded", "")],
        revisions: &["1.1.0", "1.5.0"],
        production: &["1.0.0", "1.1.0", "1.5.0"],
        messages: &[
            ("started 1.1.0", ""),
            ("waiting 1.2.0", ""),
            ("waiting 1.3.0", ""),
            ("waiting 1.5.0", ""),
            ("shipped 1.1.0", ""),
            ("started 1.5.0", ""),
            ("shipped 1.5.0", ""),
        ],
        decisions: &["start", "waiting"],
        ..NOTHING
    },
    Run {
        scenario: "replace-running",
        deployments: &[
            ("1.1.0 Stopped MANUAL_STOP", "AllowTraffic"),
            ("rollback to 1.0.0 Succeeded", ""),
            ("1.2.0 Succeeded", ""),
        ],
        revisions: &["1.1.0", "1.2.0"],
        production: &["1.0.0", "1.1.0", "1.0.0", "1.2.0"],
        messages: &[
            ("started 1.1.0", ""),
            ("stopped 1.1.0", ""),
            ("rolled-back 1.1.0", ""),
            ("started 1.2.0", ""),
            ("shipped 1.2.0", ""),
        ],
        decisions: &["start", "stop", "waiting"],
        timeline: SECOND_SOON,
    },
    Run {
        scenario: "cut-the-wait",
        decisions: &["start", "end-wait"],
        timeline: SECOND_SOON,
        ..TWO_SHIPPED
    },
    Run {
        scenario: "lost-event",
        messages: &[
            ("started 1.1.0", ""),
            ("waiting 1.2.0", ""),
            ("started 1.2.0", ""),
            ("shipped 1.2.0", ""),
        ],
        timeline: &[
            ("image pushed", 1.0),
            ("deployment created by user", 3600.0),
            ("image pushed", 3700.0),
            ("deployment Succeeded", 7300.0),
            ("deployment created by user", 10_800.0),
        ],
        ..TWO_SHIPPED
    },
    Run {
        scenario: "failed-image-then-fixed",
        deployments: &[
            ("1.1.0 Failed HOOK_EXECUTION_FAILURE", "AfterInstall"),
            ("rollback to 1.0.0 Succeeded", ""),
            ("1.1.1 Succeeded", ""),
        ],
        revisions: &["1.1.0", "1.1.1"],
        production: &["1.0.0", "1.1.1"],
        messages: &[
            ("started 1.1.0", ""),
            ("migration-failed 1.1.0", ""),
            ("failed 1.1.0", ""),
            ("rolled-back 1.1.0", ""),
            ("started 1.1.1", ""),
            ("shipped 1.1.1", ""),
        ],
        decisions: &["start", "failed-before"],
        ..NOTHING
    },
    Run {
        scenario: "moved-tag-back",
        ..SHIPPED_AND_BACK
    },
    Run {
        scenario: "moved-tag-back-while-busy",
        deployments: &[
            ("1.1.0 Succeeded", ""),
            ("1.2.0 Succeeded", ""),
            ("1.1.0 Succeeded", ""),
        ],
        revisions: &["1.1.0", "1.2.0", "1.1.0"],
        production: &["1.0.0", "1.1.0", "1.2.0", "1.1.0"],
        messages: &[
            ("started 1.1.0", ""),
            ("shipped 1.1.0", ""),
            ("started 1.2.0", ""),
            ("waiting 1.1.0", ""),
            ("shipped 1.2.0", ""),
            ("started 1.1.0", ""),
            ("shipped 1.1.0", ""),
        ],
        ..NOTHING
    },
    Run {
        scenario: "semver-never-downgrades",
        deployments: &[("1.2.0 Succeeded", "")],
        revisions: &["1.2.0"],
        production: &["1.0.0", "1.2.0"],
        messages: &[
            ("started 1.2.0", ""),
            ("skipped 1.1.5", ""),
            ("shipped 1.2.0", ""),
            ("skipped 1.1.1", ""),
        ],
        decisions: &["start", "older-than-running", "already-running"],
        ..NOTHING
    },
    Run {
        scenario: "gone-back-by-hand",
        deployments: &[
            ("1.1.0 Succeeded", ""),
            ("1.0.0 Succeeded", ""),
            ("1.1.0 Succeeded", ""),
        ],
        revisions: &["1.1.0"],
        production: &["1.0.0", "1.1.0", "1.0.0", "1.1.0"],
        messages: &[
            ("started 1.1.0", ""),
            ("shipped 1.1.0", ""),
            ("started", ""),
            ("shipped", ""),
            ("started 1.1.0", ""),
            ("shipped 1.1.0", ""),
        ],
        decisions: &["start", "rolled-back-by-hand"],
        ..NOTHING
    },
    Run {
        scenario: "asked-by-a-person",
        decisions: &["start", "rolled-back-by-hand"],
        ..SHIPPED_AND_BACK
    },
    Run {
        scenario: "hook-never-answers",
        deployments: &[
            ("1.1.0 Failed TIMEOUT", "AfterInstall"),
            ("rollback to 1.0.0 Succeeded", ""),
        ],
        revisions: &["1.1.0"],
        production: &["1.0.0"],
        messages: &[
            ("started 1.1.0", ""),
            (
                "failed 1.1.0",
                "timed out, within one hour; d-2 rolls it back",
            ),
            ("rolled-back 1.1.0", ""),
        ],
        ..NOTHING
    },
];
