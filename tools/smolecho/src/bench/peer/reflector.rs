//! A reflector without any stack: it swaps the addresses in each frame and writes the frame back to the TAP. No
//! server on a TAP answers a datagram sooner.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{read, write};

use super::tap;
use crate::fault::Fault;
use crate::node::defaults::ADDRESSES;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// Blocks in `read`, so that a frame costs two system calls.
pub(super) fn serve() -> Result<(), Fault> {
    let tap = tap::open()?.into_fd()?;
    fcntl(&tap, FcntlArg::F_SETFL(OFlag::empty())).map_err(std::io::Error::from)?;
    let mut frame = [0; 2048];
    loop {
        let len = read(&tap, &mut frame).map_err(std::io::Error::from)?;
        if let Some(answer) = reflect(&mut frame[..len]) {
            // A frame that the host does not take is lost, as on any link.
            let _ = write(&tap, answer);
        }
    }
}

/// Turns a frame into its answer, in place. `None` unless it is an ARP request for our address or IPv4.
fn reflect(frame: &mut [u8]) -> Option<&[u8]> {
    const ETHERNET: usize = 14;
    let kind = *frame.get(12..ETHERNET)?.first_chunk::<2>()?;
    let (head, body) = frame.split_at_mut(ETHERNET);
    head.copy_within(6..12, 0);
    head[6..12].copy_from_slice(&MAC);
    match kind {
        // The checksums do not depend on the order of addresses and ports.
        [0x08, 0x00] if body.len() >= 28 => {
            swap(&mut body[12..20]);
            swap(&mut body[20..24]);
        }
        // RFC 826: a request for our address.
        [0x08, 0x06] if body.len() >= 28 && body[6..8] == [0, 1] && body[24..28] == address() => {
            body[7] = 2;
            swap(&mut body[8..28]);
            body[8..14].copy_from_slice(&MAC);
        }
        _ => return None,
    }
    Some(frame)
}

fn swap(halves: &mut [u8]) {
    let (a, b) = halves.split_at_mut(halves.len() / 2);
    a.swap_with_slice(b);
}

fn address() -> [u8; 4] {
    match ADDRESSES[0].address() {
        smoltcp::wire::IpAddress::Ipv4(v4) => v4.octets(),
        smoltcp::wire::IpAddress::Ipv6(_) => [0; 4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_and_a_datagram_comes_back() {
        let mut arp = [
            &[0xff; 6][..],
            &[4; 6],
            &[8, 6],
            &[0, 1, 8, 0, 6, 4, 0, 1],
            &[4; 6],
            &[192, 168, 69, 100],
            &[0; 6],
            &[192, 168, 69, 1],
        ]
        .concat();
        let expected = [
            &[4; 6][..],
            &MAC,
            &[8, 6],
            &[0, 1, 8, 0, 6, 4, 0, 2],
            &MAC,
            &[192, 168, 69, 1],
            &[4; 6],
            &[192, 168, 69, 100],
        ]
        .concat();
        assert_eq!(reflect(&mut arp), Some(&expected[..]));

        let ip = |ends: [u8; 12]| [&[0x45; 12][..], &ends, &[9; 6]].concat();
        let mut frame =
            [&MAC[..], &[4; 6], &[8, 0], &ip([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4])].concat();
        let expected =
            [&[4; 6][..], &MAC, &[8, 0], &ip([2, 2, 2, 2, 1, 1, 1, 1, 4, 4, 3, 3])].concat();
        assert_eq!(reflect(&mut frame), Some(&expected[..]));
        assert_eq!(reflect(&mut [0; 20]), None);
    }
}
