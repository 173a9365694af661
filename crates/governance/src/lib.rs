//! Decides whether a change, an output, a tool call or a spend is within bounds, and says why. Pure. One rule, one file.
