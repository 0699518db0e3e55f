//! What stands for the clients where they are not built in: types without a value, so that nothing else
//! has to ask whether they are.

#![allow(dead_code)] // Nothing makes a value of these.

#[derive(Clone, Copy)]
enum Never {}

pub(crate) mod tcp {
    use core::marker::PhantomData;

    use smoltcp::socket::tcp::Socket;

    use super::Never;

    pub(crate) enum Outcome {
        Pending,
        Verified,
        Mismatch,
        Short,
    }

    #[derive(Clone, Copy)]
    pub(crate) struct TcpExchange<'m>(Never, PhantomData<&'m ()>);

    impl TcpExchange<'_> {
        pub(crate) fn sent(&self) -> u64 {
            match self.0 {}
        }

        pub(crate) fn outcome(&self) -> Outcome {
            match self.0 {}
        }

        pub(crate) fn serve(&mut self, _: &mut Socket<'_>, _: &mut [u8], _: impl FnMut(&[u8])) {
            match self.0 {}
        }
    }
}

pub(crate) mod udp {
    use core::marker::PhantomData;

    use smoltcp::time::Instant;

    use super::Never;
    use crate::event::Report;

    #[derive(PartialEq, Eq)]
    pub(crate) enum Next {
        Send,
        Wait(Instant),
        Timeout,
        Done,
    }

    #[derive(Clone, Copy)]
    pub(crate) struct UdpExchange<'m>(Never, PhantomData<&'m ()>);

    impl UdpExchange<'_> {
        pub(crate) fn report(&self) -> Report {
            match self.0 {}
        }

        pub(crate) fn next(&self, _: Instant) -> Next {
            match self.0 {}
        }

        pub(crate) fn time_out(&mut self) {
            match self.0 {}
        }

        pub(crate) fn refuse(&mut self) {
            match self.0 {}
        }

        pub(crate) fn give_up(&mut self) {
            match self.0 {}
        }

        pub(crate) fn len(&self) -> usize {
            match self.0 {}
        }

        pub(crate) fn ask(&mut self, _: &mut [u8], _: Instant) -> Result<(), ()> {
            match self.0 {}
        }

        pub(crate) fn answer(&mut self, _: &[u8]) {
            match self.0 {}
        }
    }
}
