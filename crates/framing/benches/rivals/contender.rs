//! Who takes part.

use std::hint::black_box;
use std::rc::Rc;

use crate::stream::{Gives, Stream, Wire};
use crate::visitor::{Compare, Touch, Visitor};

/// One way to do what a row asks for. Its state goes on from pass to pass, as with a connection.
pub(crate) trait Contender {
    fn name(&self) -> &'static str;

    /// The stream it understands.
    fn wire(&self) -> Wire {
        Wire::U32
    }

    fn gives(&self) -> Gives {
        Gives::Payloads
    }

    /// Works off a stream.
    fn pass(&mut self, stream: &Rc<Stream>, visitor: &mut impl Visitor);
}

/// A contender behind a pointer.
pub(crate) trait Run {
    fn name(&self) -> &'static str;
    fn wire(&self) -> Wire;

    /// Holds everything that the contender gives against what it should give.
    fn verify(&mut self, stream: &Rc<Stream>);

    /// What is timed.
    fn run(&mut self, stream: &Rc<Stream>, passes: usize);
}

impl<C: Contender> Run for C {
    fn name(&self) -> &'static str {
        Contender::name(self)
    }

    fn wire(&self) -> Wire {
        Contender::wire(self)
    }

    fn verify(&mut self, stream: &Rc<Stream>) {
        let expected = stream.expected(self.gives());
        // Twice, since it goes on.
        for _ in 0..2 {
            let mut compare = Compare::new(&expected);
            self.pass(stream, &mut compare);
            assert!(compare.is_complete(), "{} gave too few frames", Contender::name(self));
        }
    }

    fn run(&mut self, stream: &Rc<Stream>, passes: usize) {
        for _ in 0..passes {
            touch(self, stream);
        }
    }
}

/// A function of its own for each contender, as it would be in a program.
#[inline(never)]
fn touch<C: Contender>(contender: &mut C, stream: &Rc<Stream>) {
    let mut touch = Touch::default();
    contender.pass(stream, &mut touch);
    black_box(touch.sum());
}
