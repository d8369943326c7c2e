//! The work, as in `work/*.hpp`.

use crate::queues::{Item, Queue, Receiver, Sender};
use crate::Options;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::*};
use std::sync::{Arc, Barrier};
use std::time::Duration;

#[derive(Default)]
pub struct Figures {
    pub ns: f64,
    pub p50: i64,
    pub p90: i64,
    pub p99: i64,
    pub p999: i64,
    pub max: i64,
    pub cpu: f64,
    pub switches: f64,
    pub messages: u64,
    pub intact: bool,
}

pub fn clock(which: libc::clockid_t) -> i64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(which, &mut t) };
    t.tv_sec * 1_000_000_000 + t.tv_nsec
}
pub fn now() -> i64 {
    clock(libc::CLOCK_MONOTONIC)
}

pub struct Usage {
    cpu: i64,
    switches: i64,
}
impl Usage {
    pub fn now() -> Self {
        let mut used: libc::rusage = unsafe { std::mem::zeroed() };
        unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut used) };
        let ns = |t: libc::timeval| t.tv_sec * 1_000_000_000 + t.tv_usec * 1_000;
        Usage { cpu: ns(used.ru_utime) + ns(used.ru_stime), switches: used.ru_nvcsw }
    }
}

impl Figures {
    fn used_since(mut self, before: &Usage) -> Self {
        let after = Usage::now();
        let n = self.messages.max(1) as f64;
        self.cpu = (after.cpu - before.cpu) as f64 / n;
        self.switches = (after.switches - before.switches) as f64 / n;
        self
    }
    fn percentiles(mut self, mut times: Vec<i64>) -> Self {
        if times.is_empty() {
            return self;
        }
        times.sort_unstable();
        let at = |part: f64| times[(part * (times.len() - 1) as f64) as usize];
        (self.p50, self.p90, self.p99, self.p999, self.max) = (at(0.5), at(0.9), at(0.99), at(0.999), at(1.0));
        self.ns = self.p50 as f64;
        self
    }
}

/// How many messages, and a sum in which none can be lost or doubled unseen.
#[derive(Default, Clone, Copy, PartialEq)]
pub struct Account {
    count: u64,
    sum: u64,
}
impl Account {
    fn add(&mut self, number: u64) {
        self.count += 1;
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.sum = self.sum.wrapping_add(mixed ^ (mixed >> 29));
    }
    fn total(all: impl Iterator<Item = Account>) -> Account {
        all.fold(Account::default(), |a, b| Account { count: a.count + b.count, sum: a.sum.wrapping_add(b.sum) })
    }
}

fn throughput_of(sent: Account, got: Account, took: i64, used: &Usage) -> Figures {
    Figures {
        messages: got.count,
        ns: took as f64 / got.count.max(1) as f64,
        intact: sent == got,
        ..Figures::default()
    }
    .used_since(used)
}

fn throughput<T: Item, Q: Queue<T>>(with: &Options) -> Option<Figures> {
    let (producers, consumers) = (with["producers"], with["consumers"]);
    let batch = with["batch"] > 0; // what is taken at a time is up to the queue
    if batch && !Q::Rx::DRAINS {
        return None;
    }
    let (tx, rx) = Q::with_capacity(with["capacity"] as usize);
    let over = Arc::new(AtomicBool::new(false));
    let start = Arc::new(Barrier::new((producers + consumers + 1) as usize));
    let mut receivers = vec![rx];
    while receivers.len() < consumers as usize {
        let another = receivers[0].another()?;
        receivers.push(another);
    }
    let poppers: Vec<_> = receivers
        .into_iter()
        .map(|rx| {
            let start = start.clone();
            std::thread::spawn(move || {
                let mut mine = Account::default();
                start.wait();
                let mut items = Vec::new();
                while batch && rx.pop_all(&mut items) {
                    for item in items.drain(..) {
                        mine.add(item.number());
                    }
                }
                while let Some(item) = rx.pop() {
                    mine.add(item.number());
                }
                mine
            })
        })
        .collect();
    let pushers: Vec<_> = (0..producers)
        .map(|p| {
            let (start, tx, over) = (start.clone(), tx.clone(), over.clone());
            std::thread::spawn(move || {
                let mut mine = Account::default();
                let mut n = p << 40;
                start.wait();
                while !over.load(Relaxed) {
                    tx.push(T::make(n));
                    mine.add(n);
                    n += 1;
                }
                mine
            })
        })
        .collect();
    start.wait();
    let used = Usage::now();
    let began = now();
    std::thread::sleep(Duration::from_millis(with["ms"]));
    over.store(true, SeqCst);
    let sent = Account::total(pushers.into_iter().map(|one| one.join().unwrap()));
    drop(tx);
    let got = Account::total(poppers.into_iter().map(|one| one.join().unwrap()));
    Some(throughput_of(sent, got, now() - began, &used))
}

fn round_trip<Q: Queue<u64>>(with: &Options) -> Figures {
    let capacity = with["capacity"] as usize;
    let (there, at_echo) = Q::with_capacity(capacity);
    let (echo_to, back) = Q::with_capacity(capacity);
    let echo = std::thread::spawn(move || {
        while let Some(item) = at_echo.pop() {
            echo_to.push(item + 1);
        }
    });
    let mut times = Vec::with_capacity(4_000_000);
    let mut intact = true;
    let used = Usage::now();
    let until = now() + with["ms"] as i64 * 1_000_000;
    let mut next = 0;
    let mut before = now();
    while before < until {
        there.push(next);
        next += 1;
        intact &= back.pop() == Some(next);
        let after = now();
        if times.len() < times.capacity() {
            times.push(after - before);
        }
        before = after;
    }
    let result = Figures { messages: next, intact, ..Figures::default() }.used_since(&used);
    drop(there);
    echo.join().unwrap();
    result.percentiles(times)
}

/// What the consumer of paced messages keeps.
struct Arrivals {
    times: Vec<i64>,
    before: u64,
    wrong: u64,
}
impl Arrivals {
    fn new(messages: usize) -> Self {
        Arrivals { times: Vec::with_capacity(messages), before: 0, wrong: 0 }
    }
    fn add(&mut self, due: u64) {
        self.times.push(now() - due as i64);
        self.wrong += (due <= self.before) as u64;
        self.before = due;
    }
    fn figures(self, messages: usize, cpu: i64, used: &Usage) -> Figures {
        let mut result = Figures {
            messages: self.times.len() as u64,
            intact: self.times.len() == messages && self.wrong == 0,
            ..Figures::default()
        }
        .used_since(used)
        .percentiles(self.times);
        result.cpu = cpu as f64 / messages.max(1) as f64;
        result
    }
}

fn paced<Q: Queue<u64>>(with: &Options) -> Figures {
    let (tx, rx) = Q::with_capacity(with["capacity"] as usize);
    let gap = 1_000_000_000 / with["rate"] as i64;
    let messages = (with["ms"] as i64 * 1_000_000 / gap) as usize;
    let used = Usage::now();
    let consumer = std::thread::spawn(move || {
        let mut seen = Arrivals::new(messages);
        while let Some(due) = rx.pop() {
            seen.add(due);
        }
        (seen, clock(libc::CLOCK_THREAD_CPUTIME_ID))
    });
    let mut inside = 0;
    let start = now() + 1_000_000;
    for i in 0..messages as i64 {
        let due = start + i * gap;
        let mut before = now();
        while before < due {
            before = now();
        }
        tx.push(due as u64);
        inside += now() - before;
    }
    drop(tx);
    let (seen, cpu) = consumer.join().unwrap();
    seen.figures(messages, cpu + inside, &used)
}

const ERROR_IN_HAND: i32 = 111;

/// The worker drops its receiver as it returns; the producer joins it for the error.
fn cause<Q: Queue<u64>>(with: &Options) -> Option<Figures> {
    if with["early"] != 0 {
        return None; // there is no cause before the join
    }
    const CAPACITY: u64 = 16;
    let parked = with["parked"] != 0;
    let mut times = Vec::new();
    let mut intact = true;
    let used = Usage::now();
    for round in 0..with["rounds"] {
        let (tx, rx) = Q::with_capacity(CAPACITY as usize);
        let blocking = Arc::new(AtomicBool::new(false));
        let failed = Arc::new(AtomicI64::new(0));
        let worker = std::thread::spawn({
            let (blocking, failed) = (blocking.clone(), failed.clone());
            move || -> Result<(), i32> {
                if parked {
                    while !blocking.load(SeqCst) {
                        std::thread::park();
                    }
                    std::thread::sleep(Duration::from_micros(300));
                } else {
                    for _ in 0..100 {
                        rx.pop();
                    }
                }
                failed.store(now(), SeqCst);
                drop(rx);
                Err(ERROR_IN_HAND)
            }
        });
        let mut sent = 0;
        loop {
            if parked && sent == CAPACITY {
                blocking.store(true, SeqCst);
                worker.thread().unpark();
            }
            if !tx.push(round) {
                break;
            }
            sent += 1;
        }
        let answer = worker.join().unwrap();
        times.push(now() - failed.load(SeqCst));
        intact &= answer == Err(ERROR_IN_HAND);
    }
    Some(Figures { messages: times.len() as u64, intact, ..Figures::default() }.used_since(&used).percentiles(times))
}

pub fn measure<Q>(what: &str, with: &Options) -> Option<Figures>
where
    Q: Queue<u64> + Queue<[u64; 8]> + Queue<Vec<u8>>,
{
    match what {
        "throughput" => match with["payload"] {
            8 => throughput::<u64, Q>(with),
            64 => throughput::<[u64; 8], Q>(with),
            256 => throughput::<Vec<u8>, Q>(with),
            _ => crate::refuse(),
        },
        "round_trip" => Some(round_trip::<Q>(with)),
        "paced" => Some(paced::<Q>(with)),
        "cause" => cause::<Q>(with),
        _ => crate::refuse(),
    }
}

// tokio: tasks instead of threads.

async fn tokio_throughput<T: Item>(with: &Options) -> Figures {
    let producers = with["producers"];
    let (tx, mut rx) = tokio::sync::mpsc::channel::<T>(with["capacity"] as usize);
    let over = Arc::new(AtomicBool::new(false));
    let start = Arc::new(tokio::sync::Barrier::new((producers + 2) as usize));
    let popper = tokio::spawn({
        let start = start.clone();
        async move {
            let mut mine = Account::default();
            start.wait().await;
            while let Some(item) = rx.recv().await {
                mine.add(item.number());
            }
            mine
        }
    });
    let pushers: Vec<_> = (0..producers)
        .map(|p| {
            let (start, tx, over) = (start.clone(), tx.clone(), over.clone());
            tokio::spawn(async move {
                let mut mine = Account::default();
                let mut n = p << 40;
                start.wait().await;
                while !over.load(Relaxed) {
                    let _ = tx.send(T::make(n)).await;
                    mine.add(n);
                    n += 1;
                }
                mine
            })
        })
        .collect();
    start.wait().await;
    let used = Usage::now();
    let began = now();
    std::thread::sleep(Duration::from_millis(with["ms"])); // this thread runs no task
    over.store(true, SeqCst);
    let mut sent = Vec::new();
    for one in pushers {
        sent.push(one.await.unwrap());
    }
    drop(tx);
    let got = popper.await.unwrap();
    throughput_of(Account::total(sent.into_iter()), got, now() - began, &used)
}

async fn tokio_round_trip(capacity: usize, ms: i64) -> Figures {
    let (there, mut at_echo) = tokio::sync::mpsc::channel::<u64>(capacity);
    let (echo_to, mut back) = tokio::sync::mpsc::channel::<u64>(capacity);
    let echo = tokio::spawn(async move {
        while let Some(item) = at_echo.recv().await {
            let _ = echo_to.send(item + 1).await;
        }
    });
    let mut times = Vec::with_capacity(4_000_000);
    let mut intact = true;
    let used = Usage::now();
    let until = now() + ms * 1_000_000;
    let mut next = 0;
    let mut before = now();
    while before < until {
        let _ = there.send(next).await;
        next += 1;
        intact &= back.recv().await == Some(next);
        let after = now();
        if times.len() < times.capacity() {
            times.push(after - before);
        }
        before = after;
    }
    let result = Figures { messages: next, intact, ..Figures::default() }.used_since(&used);
    drop(there);
    echo.await.unwrap();
    result.percentiles(times)
}

pub fn measure_tokio(what: &str, with: &Options) -> Option<Figures> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    match what {
        "throughput" if with["batch"] > 0 || with["consumers"] > 1 => None,
        "throughput" => Some(match with["payload"] {
            8 => runtime.block_on(tokio_throughput::<u64>(with)),
            64 => runtime.block_on(tokio_throughput::<[u64; 8]>(with)),
            256 => runtime.block_on(tokio_throughput::<Vec<u8>>(with)),
            _ => crate::refuse(),
        }),
        "round_trip" => {
            let (capacity, ms) = (with["capacity"] as usize, with["ms"] as i64);
            Some(runtime.block_on(async move { tokio::spawn(tokio_round_trip(capacity, ms)).await.unwrap() }))
        }
        "paced" | "cause" => None,
        _ => crate::refuse(),
    }
}
