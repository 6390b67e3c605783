-- The demo pricing service: list prices, discounts and tax.
require "lib.requests"
require "lib.faults"
require "prices"
