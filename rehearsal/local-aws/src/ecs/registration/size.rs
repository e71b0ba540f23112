//! CPU and memory of a task, and Fargate's requirements.

use serde_json::{Map, Value, json};

use super::requires;

/// CPU units on Fargate with the valid memory in MiB: from, to, step. Larger sizes are not checked, because the newest
/// ones were not documented at the time of writing.
const FARGATE: [(u64, u64, u64, u64); 6] = [
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];
/// The smallest size has no regular steps.
const SMALLEST: (u64, [u64; 3]) = (256, [512, 1024, 2048]);
/// The range of a task's CPU units on EC2.
const CPU: std::ops::RangeInclusive<u64> = 128..=196_608;

/// Checks the task's size, and turns `1 vCPU` and `2 GB` into CPU units and MiB.
pub(super) fn check(registered: &mut Map<String, Value>) -> Result<(), String> {
    let mut read = |member: &str, unit: &str| {
        let Some(text) = registered.get(member).and_then(Value::as_str) else {
            return Ok(None);
        };
        let invalid = || format!("Invalid '{member}' setting for task.");
        let number = units(text, unit).ok_or_else(invalid)?;
        registered.insert(member.to_owned(), json!(number.to_string()));
        Ok::<_, String>(Some(number))
    };
    let (cpu, memory) = (read("cpu", "vcpu")?, read("memory", "gb")?);
    if cpu.is_some_and(|cpu| !CPU.contains(&cpu)) {
        return Err("Invalid 'cpu' setting for task.".to_owned());
    }
    let storage = registered.get("ephemeralStorage");
    let gib = storage.and_then(|storage| storage["sizeInGiB"].as_i64());
    if storage.is_some() && !gib.is_some_and(|gib| (21..=200).contains(&gib)) {
        // Inferred.
        return Err("Ephemeral storage must be between 21 and 200 GiB.".to_owned());
    }
    match requires(registered, "FARGATE") {
        true => check_fargate(registered, cpu, memory),
        false => Ok(()),
    }
}

/// Parses a plain number, or one with a unit of 1024.
fn units(text: &str, unit: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    match text.strip_suffix(unit) {
        None => text.parse().ok(),
        Some(number) => {
            let number: f64 = number.trim().parse().ok()?;
            let units = number * 1024.0;
            // No task is larger than this, and up to here the conversion is exact.
            (units.fract() == 0.0 && (1.0..1e9).contains(&units)).then_some(units as u64)
        }
    }
}

fn check_fargate(
    registered: &Map<String, Value>,
    cpu: Option<u64>,
    memory: Option<u64>,
) -> Result<(), String> {
    if registered.get("networkMode").and_then(Value::as_str) != Some("awsvpc") {
        return Err("Fargate only supports network mode 'awsvpc'.".to_owned());
    }
    let memory = memory
        .ok_or("Fargate requires task definition to have memory defined at the task level.")?;
    let cpu = cpu.ok_or("Fargate requires that 'cpu' be defined at the task level.")?;
    if !is_fargate_size(cpu, memory) {
        return Err(format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS \
             documentation for the valid values."
        ));
    }
    if registered.contains_key("executionRoleArn") {
        return Ok(());
    }
    let containers = || {
        let containers = registered["containerDefinitions"].as_array();
        containers.into_iter().flatten()
    };
    let of_ecr = |container: &Value| {
        let image = container["image"].as_str().unwrap_or_default();
        let registry = image.split('/').next().unwrap_or_default();
        registry.contains(".dkr.ecr.") && registry.ends_with(".amazonaws.com")
    };
    let sentence = "Fargate requires task definition to have execution role ARN to support";
    match () {
        () if containers().any(of_ecr) => Err(format!("{sentence} ECR images.")),
        () if containers().any(|c| c["logConfiguration"]["logDriver"] == "awslogs") => {
            Err(format!("{sentence} log driver awslogs."))
        }
        () => Ok(()),
    }
}

fn is_fargate_size(cpu: u64, memory: u64) -> bool {
    let (smallest, sizes) = SMALLEST;
    let largest = FARGATE.last().map_or(0, |(cpu, ..)| *cpu);
    if cpu == smallest {
        return sizes.contains(&memory);
    }
    let known = FARGATE.iter().find(|(known, ..)| *known == cpu);
    match known {
        Some(&(_, from, to, step)) => {
            (from..=to).contains(&memory) && (memory - from).is_multiple_of(step)
        }
        None => cpu > largest,
    }
}
