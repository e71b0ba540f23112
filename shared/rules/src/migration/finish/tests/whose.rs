use super::*;

fn in_group(group: &'static str) -> impl Fn(&mut Record) {
    move |record| {
        record.group = Some(("shop".parse().unwrap(), group.parse().unwrap()));
    }
}

fn world() -> World {
    World::new(described(task(Some(0))))
}

fn denied() -> Described<Deployment> {
    Described::Unreadable("denied".to_owned())
}

/// Another stack's migration is not this one's to answer, and this stack may not even read its deployment.
#[test]
fn a_migration_of_another_stack_is_left_to_it() {
    let world = world().with_record(in_group("crm"));
    for event in [ended(), time_out()] {
        let (finish, needed) = world.decide(&event);
        assert_eq!(
            said(finish.unwrap()),
            "nothing: no pipeline has the deployment group `crm` of `shop`"
        );
        assert_eq!(needed, [Need::Schedule("d-1".parse().unwrap())]);
    }
}

/// A record of an older version names no group: the deployment has to be read.
#[test]
fn a_record_without_a_group_is_told_apart_by_its_deployment() {
    let mut world = world();
    if let Described::This(deployment) = &mut world.deployment {
        deployment.deployment_group = "crm".parse().unwrap();
    }
    let nobodys = "nothing: no pipeline has the deployment group `crm` of `shop`";
    assert_eq!(world.said(&ended()), nobodys);
    assert_eq!(world.said(&time_out()), nobodys);
    world.deployment = Described::Unknown;
    assert_eq!(
        world.said(&time_out()),
        "nothing: there is no deployment `d-1`"
    );
    world.deployment = denied();
    assert_eq!(world.said(&time_out()), "error: denied");
}

/// The group in the record is one of ours: its hook is answered without the deployment.
#[test]
fn a_deployment_that_cannot_be_read_has_its_hook_answered() {
    let mut world = world().with_record(in_group("shop-web"));
    world.deployment = denied();
    for event in [ended(), time_out()] {
        let (finish, _) = world.decide(&event);
        let Finish::End(end) = finish.unwrap() else {
            panic!("the migration has ended");
        };
        assert!(end.known.is_none());
        assert_eq!(said(Finish::End(end)), "succeeded");
    }
}

#[test]
fn without_a_configuration_only_the_time_out_is_answered() {
    let mut world = world();
    world.config = None;
    assert_eq!(world.said(&time_out()), "succeeded");
    assert_eq!(world.said(&ended()), "error: no configuration");
}

#[test]
fn a_schedule_that_holds_no_record_is_refused_without_repeating_it() {
    let mut world = world();
    world.input = Some("{\"hook_execution_ids\": [\"eyJ1\"]".to_owned());
    let said = world.said(&time_out());
    assert!(
        said.starts_with("refused: schedule `greenlight-migration-d-1` cannot be read: line 1"),
        "{said}"
    );
    assert!(!said.contains(EXECUTION), "{said}");
}
