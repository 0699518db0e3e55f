//! The memory: its documented size, and its use from a `static`.

use core::mem::{align_of, size_of};

use crate::rig::{Family, PORT, Port, Setup};
use smolecho::smoltcp::time::Instant;
use smolecho::storage::{PER_CONNECTION, SCRATCH};
use smolecho::{Listener, Node, Storage};
use static_cell::ConstStaticCell;

/// The formula, the lengths of the lists inside, rounded up to the alignment.
fn ram<const N: usize, const B: usize>() -> usize {
    let lists = 2 * size_of::<usize>();
    (N * (2 * B + PER_CONNECTION) + SCRATCH + lists)
        .next_multiple_of(align_of::<Storage<'static, N, B>>())
}

#[test]
fn the_formula_gives_every_byte() {
    assert_eq!(size_of::<Storage<'_, 1, 1>>(), ram::<1, 1>());
    assert_eq!(size_of::<Storage<'_, 1, 1024>>(), ram::<1, 1024>());
    assert_eq!(size_of::<Storage<'_, 4, 1024>>(), ram::<4, 1024>());
    assert_eq!(size_of::<Storage<'_, 7, 333>>(), ram::<7, 333>());
    assert_eq!(size_of::<Storage<'_, 1000, 65_535>>(), ram::<1000, 65_535>());
}

/// The README's column for x86-64.
#[test]
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64", feature = "proto-ipv6"))]
fn the_readme_says_so() {
    let readme = include_str!("../../README.md");
    for (name, bytes) in
        [("PER_CONNECTION", PER_CONNECTION), ("PER_DATAGRAM", smolecho::storage::PER_DATAGRAM)]
    {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("no row of {name}"));
        assert!(row.ends_with(&format!(" {bytes} |")), "{name} is {bytes}: {row}");
    }
}

static STORAGE: ConstStaticCell<Storage<'static, 2, 512>> = ConstStaticCell::new(Storage::new());

#[test]
fn a_static_serves_without_unsafe() {
    let mut port = Port::default();
    let config = Setup::new(Family::V4).config();
    let memory = STORAGE.take().memory();
    let mut node: Node<'static> = Node::new(&config, memory, &mut port, Instant::ZERO).unwrap();
    node.listen(Listener::new(PORT, 1)).unwrap();
    assert_eq!(node.occupancy().free, 2);
}

#[test]
fn a_node_may_follow_another_in_the_same_memory() {
    let mut port = Port::default();
    let config = Setup::new(Family::V4).config();
    for _ in 0..2 {
        let mut storage = Storage::<3, 64>::new();
        let node = Node::new(&config, storage.memory(), &mut port, Instant::ZERO).unwrap();
        assert_eq!(node.occupancy().free, 3);
    }
}
