//! One measurement of one queue, as a line of JSON: the same work, arguments and output as `measure.cpp`.

mod queues;
mod work;

use std::collections::HashMap;
use std::process::exit;

pub type Options = HashMap<&'static str, u64>;

pub fn refuse() -> ! {
    eprintln!("usage: measure-rust QUEUE MEASURE [KEY=NUMBER...], or measure-rust --list; see measure.cpp");
    exit(2)
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if given == ["--list"] {
        println!("crossbeam\nflume\nstd-sync\ntokio");
        return;
    }
    if given.len() < 2 {
        refuse();
    }
    let mut with: Options = HashMap::from([
        ("capacity", 1), ("producers", 1), ("consumers", 1), ("payload", 8), ("ms", 100), ("batch", 0),
        ("rate", 10_000), ("parked", 1), ("early", 0), ("rounds", 300),
    ]);
    for one in &given[2..] {
        let (key, value) = one.split_once('=').unwrap_or_else(|| refuse());
        let place = with.iter_mut().find(|(k, _)| **k == key).unwrap_or_else(|| refuse());
        *place.1 = value.parse().unwrap_or_else(|_| refuse());
    }
    let found = match given[0].as_str() {
        "crossbeam" => work::measure::<queues::Crossbeam>(&given[1], &with),
        "flume" => work::measure::<queues::Flume>(&given[1], &with),
        "std-sync" => work::measure::<queues::StdSync>(&given[1], &with),
        "tokio" => work::measure_tokio(&given[1], &with),
        _ => refuse(),
    };
    let f = found.unwrap_or_else(|| exit(3));
    println!(
        "{{\"ns\": {:.2}, \"p50\": {}, \"p90\": {}, \"p99\": {}, \"p999\": {}, \"max\": {}, \"cpu\": {:.2}, \
         \"switches\": {:.4}, \"messages\": {}, \"intact\": {}}}",
        f.ns, f.p50, f.p90, f.p99, f.p999, f.max, f.cpu, f.switches, f.messages, f.intact
    );
    exit(if f.intact { 0 } else { 1 });
}
