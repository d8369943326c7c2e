//! Queues of several crates in one shape, and what is sent through them.

pub trait Item: Send + 'static {
    fn make(number: u64) -> Self;
    fn number(&self) -> u64;
}
impl Item for u64 {
    fn make(number: u64) -> Self {
        number
    }
    fn number(&self) -> u64 {
        *self
    }
}
impl Item for [u64; 8] {
    fn make(number: u64) -> Self {
        [number; 8]
    }
    fn number(&self) -> u64 {
        self[7]
    }
}
/// 256 bytes on the heap, made anew for each message.
impl Item for Vec<u8> {
    fn make(number: u64) -> Self {
        let mut text = vec![b'x'; 256];
        text[..8].copy_from_slice(&number.to_ne_bytes());
        text
    }
    fn number(&self) -> u64 {
        u64::from_ne_bytes(self[..8].try_into().unwrap())
    }
}

pub trait Sender<T>: Send + Sync + Clone + 'static {
    fn push(&self, item: T) -> bool;
}
pub trait Receiver<T>: Send + 'static {
    fn pop(&self) -> Option<T>;
    /// Whether it has a call that takes all there is.
    const DRAINS: bool = false;
    /// By that call: waits until there is something. False at the end.
    fn pop_all(&self, _into: &mut Vec<T>) -> bool {
        false
    }
    /// Another one, where there may be several.
    fn another(&self) -> Option<Self>
    where
        Self: Sized;
}
/// A queue is at its end when all its senders are gone.
pub trait Queue<T> {
    type Tx: Sender<T>;
    type Rx: Receiver<T>;
    fn with_capacity(capacity: usize) -> (Self::Tx, Self::Rx);
}

pub struct Crossbeam;
impl<T: Item> Sender<T> for crossbeam_channel::Sender<T> {
    fn push(&self, item: T) -> bool {
        self.send(item).is_ok()
    }
}
impl<T: Item> Receiver<T> for crossbeam_channel::Receiver<T> {
    fn pop(&self) -> Option<T> {
        self.recv().ok()
    }
    fn another(&self) -> Option<Self> {
        Some(self.clone())
    }
}
impl<T: Item> Queue<T> for Crossbeam {
    type Tx = crossbeam_channel::Sender<T>;
    type Rx = crossbeam_channel::Receiver<T>;
    fn with_capacity(capacity: usize) -> (Self::Tx, Self::Rx) {
        crossbeam_channel::bounded(capacity)
    }
}

pub struct Flume;
impl<T: Item> Sender<T> for flume::Sender<T> {
    fn push(&self, item: T) -> bool {
        self.send(item).is_ok()
    }
}
impl<T: Item> Receiver<T> for flume::Receiver<T> {
    fn pop(&self) -> Option<T> {
        self.recv().ok()
    }
    const DRAINS: bool = true;
    fn pop_all(&self, into: &mut Vec<T>) -> bool {
        match self.recv() {
            Ok(first) => into.push(first),
            Err(_) => return false,
        }
        into.extend(self.drain());
        true
    }
    fn another(&self) -> Option<Self> {
        Some(self.clone())
    }
}
impl<T: Item> Queue<T> for Flume {
    type Tx = flume::Sender<T>;
    type Rx = flume::Receiver<T>;
    fn with_capacity(capacity: usize) -> (Self::Tx, Self::Rx) {
        flume::bounded(capacity)
    }
}

pub struct StdSync;
impl<T: Item> Sender<T> for std::sync::mpsc::SyncSender<T> {
    fn push(&self, item: T) -> bool {
        self.send(item).is_ok()
    }
}
impl<T: Item> Receiver<T> for std::sync::mpsc::Receiver<T> {
    fn pop(&self) -> Option<T> {
        self.recv().ok()
    }
    fn another(&self) -> Option<Self> {
        None
    }
}
impl<T: Item> Queue<T> for StdSync {
    type Tx = std::sync::mpsc::SyncSender<T>;
    type Rx = std::sync::mpsc::Receiver<T>;
    fn with_capacity(capacity: usize) -> (Self::Tx, Self::Rx) {
        std::sync::mpsc::sync_channel(capacity)
    }
}
