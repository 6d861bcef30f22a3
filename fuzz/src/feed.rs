//! Bytes into a machine of either side, as they come; body bytes straight into their final place where that is asked for.

use quinde_http::Machine;

use crate::order::Order;
use crate::record::Record;

/// Feed the pieces, and the end if there is one. `pull` takes the events after each step.
pub(crate) fn feed<M: Machine>(
    machine: &mut M,
    pieces: &[&[u8]],
    landing: bool,
    eof: bool,
    (order, record): (&mut Order, &mut Record),
    mut pull: impl FnMut(&mut M, &mut Order, &mut Record),
) {
    for mut piece in pieces.iter().copied() {
        while !piece.is_empty() {
            let want = if landing {
                machine.body_want().min(piece.len())
            } else {
                0
            };
            let (now, later) = piece.split_at(want);
            if want > 0 {
                machine.body_landed(want, 0);
                record.data(order.stream(), now);
                order.landed(want);
                machine.consumed(order.stream(), want);
                piece = later;
            } else {
                machine.receive_data(piece, 0);
                piece = &[];
            }
            pull(machine, order, record);
        }
    }
    if eof {
        machine.receive_eof(0);
        pull(machine, order, record);
    }
}
