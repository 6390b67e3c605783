-- Integration specs that open a shop get one in containers. Both are loaded here and not by a spec
-- file, so that all files share them.
package.loaded["support.live_shop"] = require "container_shop"
