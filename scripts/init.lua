-- What the gateway answers. Each module below declares its routes when it is required; a file that
-- is not required here, directly or by another, is not part of the gateway.
require "routes.home"
require "routes.health"
require "routes.products"
require "routes.orders"
require "routes.reports"
