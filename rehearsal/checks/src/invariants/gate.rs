//! Which gate a hook keeps: by its lifecycle event under CodeDeploy, which has one function each; by its function where ECS
//! deploys, because a service may have further hooks at the same stage.

use record::{Engine, HookCall, Pipeline};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Migration,
    TestTraffic,
    ProductionTraffic,
}

impl Gate {
    pub(super) const ALL: [Gate; 3] = [Gate::Migration, Gate::TestTraffic, Gate::ProductionTraffic];

    pub(super) fn of(engine: Engine, hook: &HookCall) -> Option<Gate> {
        let mut gates = Gate::ALL.into_iter();
        gates.find(|gate| match engine {
            Engine::CodeDeploy => hook.lifecycle_event == gate.lifecycle_event(),
            Engine::Native | Engine::Rolling => hook.function.as_deref() == Some(gate.function()),
        })
    }

    /// CodeDeploy's lifecycle event.
    pub(super) fn lifecycle_event(self) -> &'static str {
        match self {
            Gate::Migration => "AfterInstall",
            Gate::TestTraffic => "AfterAllowTestTraffic",
            Gate::ProductionTraffic => "AfterAllowTraffic",
        }
    }

    /// The function that ECS calls, by its binary's name.
    pub(super) fn function(self) -> &'static str {
        match self {
            Gate::Migration => "run-migration",
            Gate::TestTraffic => "check-test-traffic",
            Gate::ProductionTraffic => "check-production",
        }
    }

    pub(super) fn is_configured(self, pipeline: &Pipeline) -> bool {
        match self {
            Gate::Migration => pipeline.migration.is_some(),
            Gate::TestTraffic => !pipeline.test_traffic.requests.is_empty(),
            Gate::ProductionTraffic => pipeline.production_traffic.is_some(),
        }
    }
}

/// The function that starts migrations: a hook, or, where a rolling update has none, the one that begins the update.
pub(super) fn starter(engine: Engine) -> &'static str {
    match engine {
        Engine::CodeDeploy | Engine::Native => Gate::Migration.function(),
        Engine::Rolling => "start-deployment",
    }
}
