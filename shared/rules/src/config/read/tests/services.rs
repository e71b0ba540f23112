use insta::assert_snapshot;

use super::problems;
use crate::config::{Config, HookEvent};
use crate::gate::Gate;

/// A pipeline of the service `prod/web`, with these keys and tables beside the needed ones.
fn pipeline(name: &str, more: &str) -> String {
    format!(
        "[[pipeline]]\nname='{name}'\nrepository='shop/{name}'\ntag='latest'\ncluster='prod'\nservice='web'\n{more}\n"
    )
}

#[test]
fn pipelines_of_one_service_have_its_group_gates_and_hooks() {
    let web = pipeline(
        "web",
        "[pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n[pipeline.hooks]\nBeforeInstall='CodeDeployHook_first'",
    );
    let nginx = pipeline(
        "nginx",
        "[[pipeline.test_traffic.request]]\npath='/healthz'\n[pipeline.production_traffic]",
    );
    let other = "[[pipeline]]\nname='a'\nrepository='shop/web'\ntag='latest'\ncluster='prod'\nservice='admin'";
    let config = Config::parse(&(web + &nginx + other)).unwrap();
    let [web, nginx, admin] = config.pipelines.as_slice() else {
        panic!("{config:?}")
    };
    for pipeline in [web, nginx] {
        assert!(!pipeline.is_alone);
        assert!(pipeline.migration.is_some());
        assert_eq!(pipeline.test_traffic.checks.requests[0].path, "/healthz");
        assert!(pipeline.production_traffic.is_some());
        assert!(pipeline.hooks.contains_key(&HookEvent::BeforeInstall));
    }
    assert!(admin.is_alone && admin.migration.is_none() && admin.hooks.is_empty());
    let codedeploy = &nginx.codedeploy;
    let (application, group) = (&codedeploy.application, &codedeploy.deployment_group);
    let names = config
        .of_group(application, group)
        .map(|one| one.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["web", "nginx"]);
    for (gate, keeper) in [
        (Gate::Migration, "web"),
        (Gate::TestTraffic, "nginx"),
        (Gate::ProductionTraffic, "nginx"),
    ] {
        let found = config.keeper(application, group, gate).unwrap();
        assert_eq!(found.name.as_str(), keeper, "{gate:?}");
    }
}

#[test]
fn a_gate_that_nobody_configures_is_kept_by_the_first_pipeline() {
    let config = Config::parse(&(pipeline("web", "") + &pipeline("nginx", ""))).unwrap();
    let codedeploy = &config.pipelines[1].codedeploy;
    let (application, group) = (&codedeploy.application, &codedeploy.deployment_group);
    let keeper = config
        .keeper(application, group, Gate::TestTraffic)
        .unwrap();
    assert_eq!(keeper.name.as_str(), "web");
}

#[test]
fn what_belongs_to_the_service_is_the_same_in_all_its_pipelines() {
    let web = pipeline("web", "");
    let nginx = pipeline(
        "nginx",
        "application='x'\ndeployment_group='y'\ndeployment_config='Ours'\nrevision_from='latest'\nwhen_busy='replace'\n\
         termination_wait='keep'\nrollback='group'",
    );
    assert_snapshot!(problems(&(web + &nginx)), @"
    at `pipeline[1].application`: `x` differs from `AppECS-prod-web` of pipeline[0].application, and both deploy to the service `prod/web`, expected the same in all its pipelines
    at `pipeline[1].deployment_group`: `y` differs from `DgpECS-prod-web` of pipeline[0].deployment_group, and both deploy to the service `prod/web`, expected the same in all its pipelines
    at `pipeline[1].deployment_config`: `Ours` differs from `the deployment group's own` of pipeline[0].deployment_config, and both deploy to the service `prod/web`, expected the same in all its pipelines
    at `pipeline[1].revision_from`: `latest` differs from `production` of pipeline[0].revision_from, and both deploy to the service `prod/web`, expected the same in all its pipelines
    at `pipeline[1].when_busy`: `replace` differs from `wait` of pipeline[0].when_busy, and both deploy to the service `prod/web`, expected the same in all its pipelines
    at `pipeline[1].termination_wait`: `keep` differs from `cut` of pipeline[0].termination_wait, and both deploy to the service `prod/web`, expected the same in all its pipelines
    at `pipeline[1].rollback`: `group` differs from `automatic` of pipeline[0].rollback, and both deploy to the service `prod/web`, expected the same in all its pipelines
    ");
}

#[test]
fn each_container_gets_the_images_of_one_pipeline() {
    let web = pipeline("web", "containers=['web','worker']");
    let nginx = pipeline("nginx", "containers=['nginx','worker']");
    assert_snapshot!(problems(&(web + &nginx)), @"at `pipeline[1].containers`: `worker` gets the images of pipeline[0].containers, expected each container of the service `prod/web` in one pipeline");
    let one = pipeline("web", "");
    let other = pipeline("nginx", "containers=['nginx']").replace("shop/nginx", "shop/web");
    assert_snapshot!(problems(&(one.clone() + &other)), @"at `pipeline[0].containers`: missing, expected the containers of this pipeline, because pipeline[1] deploys images of `shop/web` to the service `prod/web`, too");
    let elsewhere = other.replace("tag=", "registry_region='eu-west-1'\ntag=");
    assert!(Config::parse(&(one + &elsewhere)).is_ok());
}

#[test]
fn a_gate_and_an_events_function_are_configured_once_a_service() {
    let gates = "[pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n[pipeline.test_traffic]\n[pipeline.hooks]\n\
                 BeforeInstall='CodeDeployHook_first'";
    assert_snapshot!(problems(&(pipeline("web", gates) + &pipeline("nginx", gates))), @"
    at `pipeline[1].migration`: pipeline[0].migration is there already for the service `prod/web`, expected one: it holds for every deployment of the service, whichever image is due
    at `pipeline[1].test_traffic`: pipeline[0].test_traffic is there already for the service `prod/web`, expected one: it holds for every deployment of the service, whichever image is due
    at `pipeline[1].hooks.BeforeInstall`: pipeline[0].hooks.BeforeInstall is there already for the service `prod/web`, expected one: CodeDeploy calls one function an event
    ");
    let hooks = "[pipeline.hooks]\nAfterInstall='CodeDeployHook_first'";
    let migration = "[pipeline.migration]\ncontainer='web'\ncommand=['migrate']";
    assert_snapshot!(problems(&(pipeline("web", hooks) + &pipeline("nginx", migration))), @"at `pipeline[0].hooks.AfterInstall`: CodeDeploy calls one function an event, and for the service `prod/web` it is that of pipeline[1].migration, expected another event or no `migration`");
}

#[test]
fn two_pipelines_share_neither_name_nor_the_group_of_another_service() {
    let web = pipeline("web", "application='shop'\ndeployment_group='shop'");
    let admin = web.replace("service='web'", "service='admin'");
    assert_snapshot!(problems(&(web + &admin)), @"
    at `pipeline[1].name`: `web` is the name of another pipeline, expected a name of its own
    at `pipeline[1].deployment_group`: `shop` of `shop` belongs to the service `prod/web` of pipeline[0], expected a group of its own for `prod/admin`
    ");
}
