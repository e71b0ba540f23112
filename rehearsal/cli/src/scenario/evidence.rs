//! Migrations that end well and migrate nothing, and tasks that are no migration: none of them is evidence.

use local_aws::ecr::ImageSettings;
use local_aws::fault::Planned;
use local_aws::identity::REGISTRY;

use super::claims::{self, expect, list};
use super::setting::{GREEN, Service, Setting};
use super::step::{Forgery, push};
use super::{Expectation, Moment, Reached, Scenario, Step};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        forged_migration(),
        wrong_container(),
        shell_entry_point(),
        sidecar_ends_first(),
        own_container(),
        died_before_it_was_written_down(),
        token_taken(),
    ]
}

/// Whoever may run tasks, write events and invoke functions tries to let a failing migration pass.
fn forged_migration() -> Scenario {
    let image = ImageSettings::new("shop/web", &["latest"], GREEN).misbehaving("fails-migration");
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("AfterInstall"));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::message_says(
        "migration-failed",
        &["code 1", "no such table: order_history"],
    ));
    expectations.push(Expectation::new(
        "somebody's task exited with 0, and answered nothing",
        |record| {
            let codes: Vec<Option<i32>> = record.tasks.iter().map(|task| task.exit_code).collect();
            expect(codes.contains(&Some(0)) && codes.contains(&Some(1)), || {
                format!("{codes:?}")
            })
        },
    ));
    let installing = Moment::of("web", Reached::LifecycleEvent("Install", "InProgress"));
    let migrating = Moment::of("web", Reached::LifecycleEvent("AfterInstall", "InProgress"));
    Scenario::of_shop(
        "forged-migration",
        "somebody runs a task that is marked as the migration, calls the hook and says that its time is up: only the real one answers",
        vec![
            Step::push(image),
            Step::Until(installing),
            Step::Forge {
                service: "web".to_owned(),
                forgery: Forgery::Task,
            },
            Step::Until(migrating),
            Step::Forge {
                service: "web".to_owned(),
                forgery: Forgery::Hook,
            },
            Step::Forge {
                service: "web".to_owned(),
                forgery: Forgery::Task,
            },
            Step::Forge {
                service: "web".to_owned(),
                forgery: Forgery::TimeOut,
            },
            Step::Settle,
        ],
        expectations,
    )
}

/// Two containers run the image, the pipeline names one of them, and the migration the other.
fn wrong_container() -> Scenario {
    let mut setting = Setting::shop();
    setting.services = vec![with_another(
        "worker",
        false,
        &["sample-service", "sidecar"],
    )];
    refused(
        "wrong-migration-container",
        "the migration's container keeps the old image: nothing is registered",
        "wrong-migration-container",
        setting,
        &[
            "`worker` does not get the pushed image",
            "the old code would migrate",
            "hint: ",
            "containers = [",
        ],
    )
}

/// `sh -c` takes one word of the command as its script.
fn shell_entry_point() -> Scenario {
    let setting = Setting::adjusted(|service| {
        for container in &mut service.containers {
            container.entry_point = ["sh", "-c"].map(str::to_owned).into();
            container.command = vec!["sample-service serve".to_owned()];
        }
    });
    refused(
        "shell-entry-point",
        "the entry point is a shell, which runs the first word of the migration's command alone: nothing is registered",
        "own-container",
        setting,
        &[
            "would run `sh -c sample-service`",
            "`migrate`",
            "command = [",
            "sample-service migrate",
        ],
    )
}

fn refused(
    name: &'static str,
    summary: &'static str,
    pipelines: &'static str,
    setting: Setting,
    says: &'static [&'static str],
) -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::only_blue());
    expectations.extend(claims::started(0));
    expectations.extend(claims::messages(&["refused"]));
    expectations.extend(claims::message_says("refused", says));
    Scenario {
        pipelines: Scenario::own_pipelines(pipelines),
        setting,
        ..Scenario::of_shop(name, summary, vec![push(GREEN), Step::Settle], expectations)
    }
}

/// An essential sidecar ends, ECS stops the migration, and the migration answers SIGTERM with 0.
fn sidecar_ends_first() -> Scenario {
    let image = ImageSettings::new("shop/web", &["latest"], GREEN).misbehaving("stops-half-way");
    let mut setting = Setting::shop();
    setting.services = vec![with_another("proxy", true, &["sample-service", "sidecar"])];
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::rolled_back("AfterInstall"));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::message_says(
        "migration-failed",
        &[
            "not known whether the migration came to its end",
            "essential: false",
            "proxy",
        ],
    ));
    Scenario {
        pipelines: Scenario::own_pipelines("own-container"),
        setting,
        ..Scenario::of_shop(
            "sidecar-ends-first",
            "an essential sidecar ends during the migration, which is stopped half way and exits with 0: that is no success",
            vec![Step::push(image), Step::Settle],
            expectations,
        )
    }
}

/// The migration's container is not essential: its end is heard, though another one keeps the task up.
fn own_container() -> Scenario {
    let mut setting = Setting::shop();
    setting.services = vec![with_another("migrate", false, &["sample-service"])];
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::all_succeeded());
    expectations.push(Expectation::new(
        "the task was taken down when its migration had ended",
        |record| {
            let reasons = record.tasks.iter();
            let reasons: Vec<String> = reasons
                .map(|task| task.reason.clone().unwrap_or_default())
                .collect();
            expect(reasons == ["the migration has ended"], || list(&reasons))
        },
    ));
    expectations.push(Expectation::new(
        "nobody waited for the migration's time limit",
        |record| {
            let took = |name: &str| {
                let mut moments = record.timeline.iter();
                let moment = moments.find(|moment| moment.what.contains(name));
                moment.map_or(0.0, |moment| moment.seconds)
            };
            let seconds = took("AfterInstall Succeeded") - took("AfterInstall InProgress");
            expect((0.0..300.0).contains(&seconds), || {
                format!("{seconds} seconds")
            })
        },
    ));
    Scenario {
        pipelines: Scenario::own_pipelines("migration-in-its-own-container"),
        setting,
        ..Scenario::of_shop(
            "migration-in-its-own-container",
            "the migration runs in a container that is not essential, beside one that serves for ever",
            vec![push(GREEN), Step::CANARY, Step::Settle],
            expectations,
        )
    }
}

/// Every attempt of run-migration dies when the task is started, and the task never ends by itself.
fn died_before_it_was_written_down() -> Scenario {
    let died = |occurrence| {
        let planned = format!("run-migration:ecs:RunTask:{occurrence}=killed-after");
        planned.parse::<Planned>()
    };
    let mut setting = Setting::shop();
    setting.faults = (1..=3)
        .filter_map(|occurrence| died(occurrence).ok())
        .collect();
    let mut expectations = vec![claims::production_answered()];
    expectations.extend(claims::started(1));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::rolled_back("AfterInstall"));
    Scenario {
        pipelines: Scenario::own_pipelines("endless-migration"),
        setting,
        ..Scenario::of_shop(
            "died-before-it-was-written-down",
            "run-migration dies each time before it has written down which task it started: the time limit finds the task",
            vec![push(GREEN), Step::Settle],
            expectations,
        )
    }
}

/// RunTask tells who has used the token up.
fn token_taken() -> Scenario {
    let mut expectations = claims::nothing_broke();
    expectations.extend(claims::started(1));
    expectations.extend(claims::only_blue());
    expectations.extend(claims::rolled_back("AfterInstall"));
    expectations.extend(claims::message_says(
        "migration-failed",
        &["did not run", "client token", "its revision is"],
    ));
    Scenario::of_shop(
        "token-taken",
        "somebody has started another task with the migration's client token: it is not taken for the migration",
        vec![
            push(GREEN),
            Step::Until(Moment::of(
                "web",
                Reached::LifecycleEvent("Install", "InProgress"),
            )),
            Step::Forge {
                service: "web".to_owned(),
                forgery: Forgery::Token,
            },
            Step::Settle,
        ],
        expectations,
    )
}

/// The shop's service with one more container of the same image.
fn with_another(name: &str, essential: bool, command: &[&str]) -> Service {
    let digest = ImageSettings::new("shop/web", &[], super::setting::BLUE).digest();
    let image = format!("{REGISTRY}/shop/web@{digest}");
    Service::of_shop("web", "shop/web")
        .with_sidecar(name, &image)
        .adjusted(|service| {
            for container in &mut service.containers {
                if container.name == name {
                    container.essential = essential;
                    container.command = command.iter().map(|word| (*word).to_owned()).collect();
                }
            }
        })
}
