use super::*;

fn request(change: impl FnOnce(&mut Value)) -> Map<String, Value> {
    let mut request = json!({
        "family": "web",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{ "name": "web", "image": "i", "portMappings": [{ "containerPort": 80 }] }],
    });
    change(&mut request);
    request.as_object().unwrap().clone()
}

/// The same registration without Fargate.
fn on_ec2(change: impl FnOnce(&mut Value)) -> Map<String, Value> {
    request(|r| {
        r["requiresCompatibilities"] = json!(["EC2"]);
        r["networkMode"] = json!(null);
        change(r);
    })
}

type Change = fn(&mut Value);

/// Expects each change to be refused with its message; an empty message means that it is accepted.
fn check(base: impl Fn(Change) -> Map<String, Value>, cases: &[(Change, &str)]) {
    for (change, sentence) in cases {
        let request = base(*change);
        let said = prepare(&request).err().unwrap_or_default();
        assert_eq!(&said, sentence);
    }
}

#[test]
fn families_containers_and_tags() {
    check(
        |change| request(change),
        &[
            (|_| {}, ""),
            (|r| r["family"] = json!(""), "Family can not be blank."),
            (
                |r| r["family"] = json!("a b"),
                "Family contains invalid characters.",
            ),
            (
                |r| r["family"] = json!("a".repeat(256)),
                "Family is too long.",
            ),
            (
                |r| r["containerDefinitions"] = json!([]),
                "Container list cannot be empty.",
            ),
            (
                |r| {
                    let one = |n| json!({ "name": format!("c{n}"), "image": "i" });
                    r["containerDefinitions"] = (0..11).map(one).collect();
                },
                "Task definition cannot have more than 10 containers.",
            ),
            (
                |r| r["containerDefinitions"][0]["name"] = json!(null),
                "Container.name should not be null or empty.",
            ),
            (
                |r| r["containerDefinitions"][0]["name"] = json!("a.b"),
                "Container.name contains invalid characters.",
            ),
            (
                |r| {
                    let container = r["containerDefinitions"][0].clone();
                    r["containerDefinitions"] = json!([container, container]);
                },
                "Duplicate container name 'web'.",
            ),
            (
                |r| r["containerDefinitions"][0]["essential"] = json!(false),
                "Task definition must have at least one essential container.",
            ),
            (
                |r| r["containerDefinitions"][0]["command"] = json!(["x".repeat(65536)]),
                "Actual length: '65745'. Max allowed length is '65536' bytes.",
            ),
            (
                |r| r["tags"] = json!([{"key": "", "value": ""}]),
                "Tag keys must have between 1 and 128 characters.",
            ),
            (
                |r| r["tags"] = json!([{"key": "a"}, {"key": "a"}]),
                "Duplicate tag keys found: a",
            ),
            (
                |r| r["tags"] = json!([{"key": "a", "value": "é".repeat(257)}]),
                "Tag values must have up to 256 characters.",
            ),
        ],
    );
}

#[test]
fn images() {
    let invalid = "Container.image contains invalid characters.";
    let digest = "Container.image digest must be sha256 with 64 hexadecimal characters.";
    let cases = [
        ("registry/shop/web:1.4.2", ""),
        (&format!("registry/shop/web@sha256:{}", "a".repeat(64)), ""),
        (&format!("registry/web:1@sha256:{}", "a".repeat(64)), ""),
        (
            &format!("{}@sha256:{}", "r".repeat(255), "a".repeat(64)),
            "",
        ),
        (
            &"r".repeat(256),
            "Container.image repository should be 255 characters or less.",
        ),
        ("", "Container.image should not be null or empty."),
        ("a b", invalid),
        ("é", invalid),
        ("web@sha256:1234", digest),
        (&format!("web@sha512:{}", "a".repeat(64)), digest),
        (&format!("web@sha256:{}", "g".repeat(64)), digest),
    ];
    for (image, sentence) in cases {
        let request = request(|r| r["containerDefinitions"][0]["image"] = json!(image));
        let said = prepare(&request).err().unwrap_or_default();
        assert_eq!(said, sentence, "{image}");
    }
}

#[test]
fn modes_and_ports() {
    check(
        |change| on_ec2(change),
        &[
            (|_| {}, ""),
            (
                |r| r["networkMode"] = json!("overlay"),
                "Network mode must be one of bridge, host, awsvpc, none.",
            ),
            (
                |r| r["requiresCompatibilities"] = json!(["LAMBDA"]),
                "Compatibilities must be of EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES.",
            ),
            (
                |r| r["containerDefinitions"][0]["portMappings"] = json!([{ "hostPort": 80 }]),
                "Container port must be specified in a port mapping.",
            ),
            (
                |r| r["containerDefinitions"][0]["portMappings"][0]["hostPort"] = json!(8080),
                "",
            ),
            (
                |r| {
                    r["networkMode"] = json!("host");
                    r["containerDefinitions"][0]["portMappings"][0]["hostPort"] = json!(8080);
                },
                "When networkMode=host, the host ports and container ports in port mappings must match.",
            ),
            (
                |r| {
                    r["networkMode"] = json!("awsvpc");
                    r["containerDefinitions"][0]["portMappings"][0]["hostPort"] = json!(8080);
                },
                "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
            ),
            (
                |r| r["networkMode"] = json!("none"),
                "Port mappings are not supported when networkMode=none.",
            ),
            (
                |r| r["containerDefinitions"][0]["portMappings"][0]["containerPort"] = json!(70000),
                "Ports must be between 1 and 65535.",
            ),
            (
                |r| {
                    r["containerDefinitions"][0]["portMappings"] = json!([
                        { "containerPort": 80, "hostPort": 80 }, { "containerPort": 81, "hostPort": 80 },
                    ]);
                },
                "Host port 80 is used more than once.",
            ),
        ],
    );
}

#[test]
fn volumes_and_memory() {
    check(
        |change| on_ec2(change),
        &[
            (
                |r| {
                    r["containerDefinitions"][0]["mountPoints"] =
                        json!([{ "sourceVolume": "data" }])
                },
                "Unknown volume 'data'.",
            ),
            (
                |r| {
                    r["volumes"] = json!([{ "name": "data" }]);
                    r["containerDefinitions"][0]["mountPoints"] =
                        json!([{ "sourceVolume": "data" }]);
                },
                "",
            ),
            (
                |r| r["memory"] = json!(null),
                "Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified.",
            ),
            (
                |r| {
                    r["memory"] = json!(null);
                    r["containerDefinitions"][0]["memoryReservation"] = json!(128);
                },
                "",
            ),
        ],
    );
}

#[test]
fn fargate_requirements() {
    check(
        |change| request(change),
        &[
            (
                |r| r["networkMode"] = json!("bridge"),
                "Fargate only supports network mode 'awsvpc'.",
            ),
            (
                |r| r["cpu"] = json!(null),
                "Fargate requires that 'cpu' be defined at the task level.",
            ),
            (
                |r| {
                    r["memory"] = json!(null);
                    r["containerDefinitions"][0]["memory"] = json!(128);
                },
                "Fargate requires task definition to have memory defined at the task level.",
            ),
            (
                |r| r["cpu"] = json!("half"),
                "Invalid 'cpu' setting for task.",
            ),
            (
                |r| r["ephemeralStorage"] = json!({ "sizeInGiB": 20 }),
                "Ephemeral storage must be between 21 and 200 GiB.",
            ),
            (
                |r| r["containerDefinitions"][0]["privileged"] = json!(true),
                "Fargate requires that 'privileged' is not specified or set to false.",
            ),
            (
                |r| {
                    r["containerDefinitions"][0]["image"] =
                        json!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1");
                },
                "Fargate requires task definition to have execution role ARN to support ECR images.",
            ),
            (
                |r| {
                    r["containerDefinitions"][0]["logConfiguration"] =
                        json!({ "logDriver": "awslogs" })
                },
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
            ),
        ],
    );
}

#[test]
fn fargate_accepts_only_its_documented_sizes() {
    let cases = [
        ("256", "2048", true),
        ("256", "3072", false),
        ("512", "512", false),
        ("1024", "8192", true),
        ("1024", "8193", false),
        ("2048", "16384", true),
        ("4096", "31744", false),
        ("8192", "18432", false),
        ("8192", "20480", true),
        ("16384", "122880", true),
        ("300", "1024", false),
    ];
    for (cpu, memory, taken) in cases {
        let request = request(|r| {
            r["cpu"] = json!(cpu);
            r["memory"] = json!(memory);
        });
        let wanted = (!taken).then(|| {
            format!(
                "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS \
                 documentation for the valid values."
            )
        });
        assert_eq!(prepare(&request).err(), wanted);
    }
}

#[test]
fn sizes_with_units_become_numbers() {
    for (cpu, memory, wanted) in [
        (".25 vCPU", "0.5GB", ["256", "512"]),
        ("1 vcpu", "2 GB", ["1024", "2048"]),
        ("1024", "3072", ["1024", "3072"]),
    ] {
        let request = request(|r| {
            r["cpu"] = json!(cpu);
            r["memory"] = json!(memory);
        });
        let (registered, _) = prepare(&request).unwrap();
        assert_eq!([&registered["cpu"], &registered["memory"]], wanted);
    }
}

#[test]
fn unknown_fields_are_kept_and_missing_ones_are_filled_in() {
    let (registered, tags) = prepare(&request(|r| {
        r["fieldOfTomorrow"] = json!({"deep": [1]});
        r["taskDefinitionArn"] = json!("arn of another");
        r["containerDefinitions"][0]["alsoNew"] = json!("x");
        r["tags"] = json!([{"key": "team", "value": "shop"}]);
    }))
    .unwrap();
    assert_eq!(registered["fieldOfTomorrow"], json!({"deep": [1]}));
    assert_eq!(
        (registered.get("tags"), registered.get("taskDefinitionArn")),
        (None, None)
    );
    assert_eq!(tags, [json!({"key": "team", "value": "shop"})]);
    let container = &registered["containerDefinitions"][0];
    assert_eq!(container["alsoNew"], "x");
    assert_eq!(container["essential"], true);
    assert_eq!(
        container["portMappings"],
        json!([{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}])
    );
}
