-- The demo inventory: products, and their stock. Required first: what records requests and strikes
-- them with faults, both of one worker only.
require "lib.requests"
require "lib.faults"
require "products"
require "stock"
