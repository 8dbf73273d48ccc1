//! What a decision log says: effects as predicted and as observed, what the hold-out would have brought, what moved
//! and why. Pure: rows in, numbers out.
//!
//! The rows are read twice. A [`Survey`] counts what there is and makes a [`Plan`]: which items and segments get a
//! line of their own, where the period's middle is. A [`Tally`] then adds the rows up and gives the [`Report`]. Its
//! memory is bounded by the plan, not by the rows, the shoppers or the items.
//!
//! Rows of one shopper are not independent. Every figure is therefore kept in [`groups::GROUPS`] random groups of
//! shoppers, and uncertainty is read off the differences between these groups: see [`groups`].

mod arms;
mod calibration;
mod cell;
pub mod discovery;
pub mod groups;
pub mod interval;
mod movers;
mod report;
mod survey;
mod tally;

pub use arms::{Arms, Comparison, Period, Side};
pub use calibration::Bin;
pub use cell::{Cell, Verdict};
pub use interval::Interval;
pub use movers::{Mover, Movers, Part};
pub use report::{Clusters, Head, Line, Marks, Report, Table};
pub use survey::{Key, Limits, Plan, Survey};
pub use tally::{Row, Seen, Tally};
