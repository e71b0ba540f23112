#!/usr/bin/env python3
"""Shows that `check_wire.py` catches what it is there for: one good sample of each kind, and what each mistake gives.

python test_check_wire.py        where botocore is installed
"""

import copy
import json
import re
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True

from check_wire import judge
from model_calls import SERVICES, Call

JSON_HEADERS = [["content-type", "application/x-amz-json-1.1"], ["x-amzn-requestid", "1"]]
XML_HEADERS = [["content-type", "text/xml"], ["x-amzn-requestid", "1"]]
REVISION = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1"


def line(
    target: str, sent: object, answered: object, status: int = 200, caller: str | None = "start-deployment"
) -> dict:
    return {
        "caller": caller,
        "method": "POST",
        "path": "/",
        "headers": [["x-amz-target", target], ["content-type", "application/x-amz-json-1.1"]],
        "body": json.dumps(sent),
        "status": status,
        "answer_headers": JSON_HEADERS,
        "answer_body": json.dumps(answered),
    }


def ecs(operation: str, sent: object, answered: object, status: int = 200) -> dict:
    return line(f"AmazonEC2ContainerServiceV20141113.{operation}", sent, answered, status)


def task(**members: object) -> dict:
    """DescribeTasks with these members of the one task that it answers."""
    described = {"taskArn": "arn:aws:ecs:eu-central-1:111122223333:task/prod/1", "lastStatus": "STOPPED"} | members
    return ecs("DescribeTasks", {"cluster": "prod", "tasks": ["1"]}, {"tasks": [described], "failures": []})


def put_hook(sent: dict, answered: object, status: int = 200) -> dict:
    return line("CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus", sent, answered, status)


def query(form: str, answered: str, status: int = 200) -> dict:
    return {
        "caller": "check-test-traffic",
        "method": "POST",
        "path": "/",
        "headers": [["content-type", "application/x-www-form-urlencoded"]],
        "body": form,
        "status": status,
        "answer_headers": XML_HEADERS,
        "answer_body": answered,
    }


ELB = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"


def health(inner: str, form: str = "TargetGroupArn=arn%3A1") -> dict:
    result = f"<DescribeTargetHealthResult><TargetHealthDescriptions>{inner}</TargetHealthDescriptions></DescribeTargetHealthResult>"
    metadata = "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
    answered = f'<DescribeTargetHealthResponse xmlns="{ELB}">{result}{metadata}</DescribeTargetHealthResponse>'
    return query(f"Action=DescribeTargetHealth&Version=2015-12-01&{form}", answered)


def member(inner: str) -> str:
    return f"<member><Target><Id>10.0.0.1</Id><Port>8080</Port></Target><TargetHealth>{inner}</TargetHealth></member>"


def elb_error(code: str, status: int) -> dict:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error><RequestId>1</RequestId>"
    answered = f'<ErrorResponse xmlns="{ELB}">{error}</ErrorResponse>'
    return query("Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=arn%3A1", answered, status)


def schedule(sent: dict, answered: object, status: int = 200, error: str | None = None) -> dict:
    extra = [["x-amzn-errortype", error]] if error else []
    return line("", sent, answered, status, "run-migration") | {
        "path": "/schedules/stop-1",
        "headers": [["content-type", "application/json"]],
        "answer_headers": [["content-type", "application/json"], ["x-amzn-requestid", "1"], *extra],
    }


SCHEDULE = {
    "ClientToken": "a",
    "ScheduleExpression": "at(2026-11-21T07:00:00)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": "arn:aws:lambda:eu-central-1:111122223333:function:f",
        "RoleArn": "arn:aws:iam::111122223333:role/r",
    },
}
SCHEDULED = {"ScheduleArn": "arn:aws:scheduler:eu-central-1:111122223333:schedule/default/stop-1"}


class Samples(unittest.TestCase):
    def check(self, sample: dict, *expected: str) -> None:
        _, problems = judge(Call.of(sample))
        self.assertEqual(len(problems) > 0, len(expected) > 0, problems)
        for part in expected:
            self.assertTrue(any(part in problem for problem in problems), f"{part!r} is not in {problems}")

    def test_good_answers_have_no_problem(self):
        self.check(task(stoppedAt=1795242945.8, containers=[{"name": "web", "exitCode": 0}]))
        self.check(health(member("<State>healthy</State>")))
        self.check(schedule(SCHEDULE, SCHEDULED))
        self.check(task(stoppedReason=None))

    def test_unknown_members(self):
        self.check(task(colour="green"), "answer.tasks[0].colour: the model has no such member in Task")
        self.check(
            health(member("<State>healthy</State><Colour/>")), "TargetHealth.Colour: the model has no such member"
        )

    def test_wrong_types(self):
        self.check(task(stoppedReason=3), "answer.tasks[0].stoppedReason: a number (3), expected a string")
        self.check(task(version="3"), "answer.tasks[0].version: a string (3), expected a whole number")
        self.check(task(containers=[{"exitCode": 1.5}]), "exitCode: a number (1.5), expected a whole number")
        self.check(task(containers=[{"exitCode": 2**31}]), "does not fit into a number of type integer")
        self.check(task(containers={}), "answer.tasks[0].containers: a structure ({}), expected a list")
        self.check(task(overrides=[]), "botocore cannot parse it")
        self.check(task(enableExecuteCommand="no"), "enableExecuteCommand: a string (no), expected true or false")
        port = "<member><Target><Id>1</Id><Port>http</Port></Target></member>"
        self.check(health(port), "botocore cannot parse it")

    def test_values_outside_an_enum(self):
        self.check(
            task(launchType="fargate"), "answer.tasks[0].launchType: 'fargate' is none of the values of LaunchType"
        )
        self.check(health(member("<State>fine</State>")), "'fine' is none of the values of TargetHealthStateEnum")

    def test_one_stage_is_missing_from_the_model(self):
        for stage, *problem in (
            ("PRE_PRODUCTION_TRAFFIC_SHIFT",),
            ("PRE_BAKE_TIME", "'PRE_BAKE_TIME' is none of the values of ServiceDeploymentLifecycleStage"),
        ):
            answer = {"serviceDeployments": [{"lifecycleStage": stage}], "failures": []}
            self.check(ecs("DescribeServiceDeployments", {"serviceDeploymentArns": ["arn"]}, answer), *problem)

    def test_required_members_that_are_missing(self):
        self.check(schedule(SCHEDULE, {}), "answer.ScheduleArn: is required in CreateScheduleOutput and not there")
        self.check(schedule(SCHEDULE, {"ScheduleArn": None}), "answer.ScheduleArn: is required")

    def test_timestamps(self):
        self.check(task(stoppedAt="2026-11-21T06:00:00Z"), "is no timestamp, expected seconds since 1970 as a number")
        self.check(task(stoppedAt=1795242945000), "botocore cannot parse it: ValueError: year")
        self.check(task(stoppedAt=17952429), "is no time of this century in seconds")

    def test_limits_and_patterns(self):
        self.check(
            schedule(SCHEDULE, {"ScheduleArn": "arn:aws:s3:::bucket"}), "does not match arn:aws[a-z-]*:scheduler"
        )
        self.check(schedule(SCHEDULE | {"ClientToken": "a" * 65}, SCHEDULED), "request.ClientToken: has 65 characters")

    def test_lists_and_frames_of_xml(self):
        self.check(health("<item/>"), "is `<item>`, expected `<member>`")
        wrong = health("")
        wrong["answer_body"] = wrong["answer_body"].replace(ELB, "http://example.com/")
        self.check(wrong, "expected `DescribeTargetHealthResponse` of http://elasticloadbalancing")
        wrong = health("")
        wrong["answer_body"] = wrong["answer_body"].replace("<RequestId>1</RequestId>", "")
        self.check(wrong, "answer: has no RequestId")
        wrong["answer_body"] = "<Desc"
        self.check(wrong, "botocore cannot parse it")

    def test_frames(self):
        sample = task()
        sample["answer_headers"] = [["content-type", "application/json"]]
        self.check(sample, "its content type is 'application/json'", "has no x-amzn-RequestId")
        sample = task()
        sample["answer_body"] = "{"
        self.check(sample, "cannot be read as json")

    def test_errors(self):
        hook = {"deploymentId": "d-1", "lifecycleEventHookExecutionId": "x", "status": "Succeeded"}
        declared = {"__type": "LifecycleEventAlreadyCompletedException", "message": "no"}
        self.check(put_hook(hook, declared, 400))
        self.check(put_hook(hook, declared, 404), "comes with HTTP 404, expected 400")
        foreign = {"__type": "ClusterNotFoundException", "message": "no"}
        self.check(put_hook(hook, foreign, 400), "`ClusterNotFoundException` is none that codedeploy:Put")
        self.check(put_hook(hook, {"__type": "AccessDeniedException", "message": "no"}, 400))
        self.check(put_hook(hook, {"__type": "AccessDeniedException", "message": "no"}, 403), "HTTP 403, expected 400")
        self.check(put_hook(hook, {"__type": "ThrottlingException", "message": "Rate exceeded"}, 400))
        server = ecs("DescribeTasks", {"tasks": ["1"]}, {"__type": "ServerException", "message": "no"}, 500)
        self.check(server)
        self.check(server | {"status": 400}, "expected 500")
        unknown = ecs(
            "DescribeTasks", {"tasks": ["1"]}, {"__type": "ClientException", "message": "no", "hint": "x"}, 400
        )
        self.check(unknown, "error.hint: the model has no such member in ClientException")

    def test_errors_of_query_and_rest(self):
        self.check(elb_error("TargetGroupNotFound", 400))
        self.check(elb_error("TargetGroupNotFound", 404), "expected 400")
        self.check(elb_error("TargetGroupNotFoundException", 400), "is none that elbv2:DescribeTargetHealth declares")
        self.check(schedule(SCHEDULE, {"Message": "there is one"}, 409, "ConflictException"))
        self.check(schedule(SCHEDULE, {"Message": "there is one"}, 400, "ConflictException"), "expected 409")
        self.check(schedule(SCHEDULE, {}, 409, "ConflictException"), "error.Message: is required in ConflictException")

    def test_requests(self):
        answered = {"tasks": [], "failures": []}
        self.check(
            ecs("DescribeTasks", {"cluster": "prod"}, answered),
            "request.tasks: is required",
            "botocore would not send it",
        )
        self.check(ecs("DescribeTasks", {"tasks": "1"}, answered), "request.tasks: a string (1), expected a list")
        self.check(
            ecs("DescribeTasks", {"tasks": ["1"], "Cluster": "p"}, answered),
            "request.Cluster: the model has no such member",
        )
        self.check(
            ecs("DescribeTasks", {"tasks": ["1"], "include": ["tags"]}, answered),
            "'tags' is none of the values of TaskField",
        )
        self.check(
            health("", "TargetGroup=arn%3A1"),
            "request.TargetGroup: the model has no such member",
            "TargetGroupArn: is required",
        )
        self.check(health("", "TargetGroupArn=a&Targets.1.Id=x"), "request.Targets.1.Id: the model has no such member")
        self.check(
            schedule(SCHEDULE | {"FlexibleTimeWindow": {"Mode": "off"}}, SCHEDULED), "'off' is none of the values"
        )
        unreadable = task()
        unreadable["body"] = "{"
        self.check(unreadable, "request: cannot be read as json")

    def test_a_request_that_nobody_of_ours_sent_is_not_judged(self):
        self.check(ecs("DescribeTasks", {}, {"tasks": [], "failures": []}) | {"caller": None})

    def test_operations_that_do_not_exist(self):
        self.check(ecs("DescribeEverything", {}, {}), "the models have no such operation")
        refused = ecs("DescribeEverything", {}, {"__type": "UnknownOperationException"}, 400) | {"caller": None}
        self.check(refused)

    def test_every_service_of_the_local_aws_has_a_model(self):
        source = Path(__file__).resolve().parents[2] / "rehearsal/local-aws/src/api/service.rs"
        _, _, prefixes = source.read_text().partition("fn prefix(")
        prefixes = re.findall(r'Service::\w+ => "([a-z]+)"', prefixes.partition("pub fn")[0])
        # botocore has one model for each version of Elastic Load Balancing.
        services = {{"elasticloadbalancing": "elbv2"}.get(prefix, prefix) for prefix in prefixes}
        self.assertEqual(set(SERVICES), services)

    def test_planted_members_are_let_through_by_name(self):
        sample = ecs("DescribeTaskDefinition", {"taskDefinition": "web"}, {"taskDefinition": {"fromTomorrow": 1}})
        self.check(sample, "answer.taskDefinition.fromTomorrow")
        _, problems = judge(Call.of(copy.deepcopy(sample)), frozenset(["fromTomorrow"]))
        self.assertEqual(problems, [])


if __name__ == "__main__":
    unittest.main()
