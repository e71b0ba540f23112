//! AWS with a rolling service whose migration runs before its update.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::functions::on_ecs::{HEAD, PUSHED, WAITS, World, world};
use crate::functions::wire::Answer::{self, Refuses, Says};
use crate::functions::wire::{Function, Invocation, invoke_each};

/// When the fake AWS answers: 200 seconds after the push.
pub(super) const NOW: f64 = PUSHED + 200.0;

/// AWS with the service's migration.
#[derive(Clone)]
pub(super) struct State {
    pub(super) world: World,
    /// The digit of the digest that the tag points at.
    pub(super) tagged: &'static str,
    pub(super) pushed_at: f64,
    /// Input and expression of the time-out schedule.
    pub(super) schedule: Option<(String, String)>,
    /// What the next looks at it find instead; the last one first.
    pub(super) reads: Vec<Option<(String, String)>>,
    pub(super) tasks: Vec<Value>,
    pub(super) tokens: Vec<String>,
    /// The call that the invocation dies at.
    pub(super) dies_at: Option<&'static str>,
    /// The answer of its first call is lost, which has been carried out.
    pub(super) loses: Option<&'static str>,
    /// Another start is faster by this: what it writes down.
    pub(super) faster: Option<(String, String)>,
    /// Another call judges the update.
    pub(super) is_claimed: bool,
}

pub(super) fn state() -> State {
    State {
        world: world(),
        tagged: "a",
        pushed_at: PUSHED,
        schedule: None,
        reads: Vec::new(),
        tasks: Vec::new(),
        tokens: Vec::new(),
        dies_at: None,
        loses: None,
        faster: None,
        is_claimed: false,
    }
}

pub(super) fn pipelines() -> String {
    format!("{WAITS}[pipeline.migration]\ncontainer='web'\ncommand=['migrate']\n")
}

pub(super) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

impl State {
    pub(super) fn says(&mut self, function: &str, operation: &str, request: &Value) -> Answer {
        if self.dies_at == Some(operation) {
            return Refuses("ServerException");
        }
        if self.loses == Some(operation) {
            self.loses = None;
            self.says(function, operation, request);
            return Refuses("ServerException");
        }
        match operation {
            "GetSchedule" | "CreateSchedule" | "UpdateSchedule" | "DeleteSchedule" => {
                self.says_of_schedules(function, operation, request)
            }
            "RunTask" => self.run(request),
            "ListTasks" => {
                let is = |task: &&Value| match request["startedBy"].as_str() {
                    Some(by) => task["startedBy"] == by && task["lastStatus"] != "STOPPED",
                    None => task["lastStatus"] == "STOPPED",
                };
                let arns = self.tasks.iter().filter(is).map(|task| &task["taskArn"]);
                Says(json!({"taskArns": arns.collect::<Vec<_>>()}))
            }
            "DescribeTasks" | "StopTask" => {
                let asked = request.to_string();
                let is = |task: &&Value| asked.contains(text(task, "taskArn"));
                let found: Vec<&Value> = self.tasks.iter().filter(is).collect();
                Says(json!({"tasks": found, "failures": [], "task": found.first()}))
            }
            "TagResource" => {
                let number = text(request, "resourceArn").rsplit_once(':').unwrap().1;
                let (_, tags) = self
                    .world
                    .revisions
                    .get_mut(&number.parse().unwrap())
                    .unwrap();
                let tags = tags.as_array_mut().unwrap();
                tags.retain(|tag| tag["key"] != request["tags"][0]["key"]);
                tags.push(request["tags"][0].clone());
                Says(json!({}))
            }
            "DescribeImages" => {
                let asked = request.to_string();
                let digit = ["a", "b", "c"]
                    .into_iter()
                    .find(|digit| asked.contains(&digit.repeat(64)));
                let digest = format!("sha256:{}", digit.unwrap_or(self.tagged).repeat(64));
                Says(json!({"imageDetails": [{
                    "imageDigest": digest, "imageTags": ["latest"], "imagePushedAt": self.pushed_at
                }]}))
            }
            _ => self.world.says(operation, request),
        }
    }

    fn says_of_schedules(&mut self, function: &str, operation: &str, request: &Value) -> Answer {
        let input = text(&request["Target"], "Input").to_owned();
        match operation {
            "GetSchedule" => match self.reads.pop().unwrap_or_else(|| self.schedule.clone()) {
                Some((input, expression)) => Says(
                    json!({"ScheduleExpression": expression, "Target": {"Arn": "a", "RoleArn": "r", "Input": input}}),
                ),
                None => Refuses("ResourceNotFoundException"),
            },
            "CreateSchedule" if input.contains("\"rolling\"") => {
                self.schedule = self.faster.take().or(self.schedule.take());
                if self.schedule.is_some() {
                    return Refuses("ConflictException");
                }
                self.schedule = Some((input, text(request, "ScheduleExpression").to_owned()));
                Says(
                    json!({"ScheduleArn": "arn:aws:scheduler:eu-central-1:111122223333:schedule/default/s"}),
                )
            }
            "CreateSchedule"
                if self.is_claimed
                    && text(request, "Description").starts_with("Claims to judge") =>
            {
                Refuses("ConflictException")
            }
            "CreateSchedule" => Says(
                json!({"ScheduleArn": "arn:aws:scheduler:eu-central-1:111122223333:schedule/default/s"}),
            ),
            "UpdateSchedule" => {
                self.schedule = Some((input, text(request, "ScheduleExpression").to_owned()));
                Says(
                    json!({"ScheduleArn": "arn:aws:scheduler:eu-central-1:111122223333:schedule/default/s"}),
                )
            }
            _ => {
                // That of `start-deployment` is the five-minute look.
                if function == "finish-migration" {
                    self.schedule = None;
                }
                Says(json!({}))
            }
        }
    }

    fn run(&mut self, request: &Value) -> Answer {
        let token = text(request, "clientToken").to_owned();
        let found = self.tokens.iter().position(|known| *known == token);
        let index = found.unwrap_or_else(|| {
            let number = self.tasks.len();
            self.tasks.push(json!({
                "taskArn": format!("{HEAD}:task/prod/{number}{}", "f".repeat(31)), "clusterArn": format!("{HEAD}:cluster/prod"),
                "taskDefinitionArn": request["taskDefinition"], "startedBy": request["startedBy"],
                "lastStatus": "PROVISIONING", "createdAt": NOW, "overrides": request["overrides"],
                "containers": [{"name": "web", "lastStatus": "PENDING"}]
            }));
            self.tokens.push(token);
            number
        });
        Says(json!({"tasks": [self.tasks[index]], "failures": []}))
    }

    pub(super) fn ends(&mut self, index: usize, code: i64) -> Value {
        let task = &mut self.tasks[index];
        task["lastStatus"] = json!("STOPPED");
        task["stopCode"] = json!("EssentialContainerExited");
        task["startedAt"] = json!(NOW + 1.0);
        task["containers"] = json!([{"name": "web", "lastStatus": "STOPPED", "exitCode": code}]);
        changed(task)
    }

    /// Somebody else's deployment of what serves.
    pub(super) fn is_deployed_to(&mut self, id: &'static str, number: u32) {
        let deployment = (id, "SUCCESSFUL", number, 210.0, json!({}));
        self.world.deployments.insert(0, deployment);
        self.world.wanted = number;
    }
}

/// The event of ECS about a task.
pub(super) fn changed(task: &Value) -> Value {
    json!({"version": "0", "id": "e", "detail-type": "ECS Task State Change", "source": "aws.ecs", "account": "111122223333",
        "time": "2026-10-14T09:31:00Z", "region": "eu-central-1", "resources": [task["taskArn"]], "detail": task})
}

pub(super) fn call(
    function: &'static str,
    pipelines: &str,
    event: &Value,
    state: &mut State,
) -> Invocation {
    call_in("deploy", function, pipelines, event, state)
}

pub(super) fn call_in(
    mode: &str,
    name: &'static str,
    pipelines: &str,
    event: &Value,
    state: &mut State,
) -> Invocation {
    let shared = Arc::new(Mutex::new(state.clone()));
    let inner = Arc::clone(&shared);
    let function = Function {
        name,
        pipelines,
        variables: &[("GREENLIGHT_MODE", mode)],
    };
    let answer = move |operation: &str, _: usize, request: &Value| {
        inner.lock().unwrap().says(name, operation, request)
    };
    let invocation = invoke_each(&function, [event.to_string()], answer).remove(0);
    *state = shared.lock().unwrap().clone();
    invocation
}

pub(super) fn look(state: &mut State) -> Invocation {
    let event = json!({"look": {"cluster": "prod", "service": "web"}});
    call("start-deployment", &pipelines(), &event, state)
}

pub(super) fn finish(event: &Value, state: &mut State) -> Invocation {
    call("finish-migration", &pipelines(), event, state)
}

pub(super) fn decision(invocation: &Invocation) -> &str {
    text(&invocation.answer["pipelines"][0], "decision")
}

pub(super) fn calls(invocation: &Invocation, operation: &str) -> usize {
    let operations = invocation.operations();
    operations.iter().filter(|one| **one == operation).count()
}

pub(super) fn mark(state: &State, number: u32) -> String {
    let (_, tags) = &state.world.revisions[&number];
    let mut tags = tags.as_array().unwrap().iter();
    let found = tags.find(|tag| tag["key"] == "greenlight:migration");
    found.map_or_else(String::new, |tag| text(tag, "value").to_owned())
}

/// A service whose migration of `web:3` was just started.
pub(super) fn migrating() -> State {
    let mut state = state();
    let invocation = look(&mut state);
    assert_eq!(decision(&invocation), "migrate", "{}", invocation.answer);
    state
}
