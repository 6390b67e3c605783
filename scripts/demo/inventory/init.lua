-- The demo inventory: products, and their stock. It has to run with one worker, since its state is
-- this module's. Required first: what records requests and strikes them with faults.
require "lib.requests"
require "lib.faults"
require "products"
require "stock"
