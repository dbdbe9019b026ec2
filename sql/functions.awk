# Every function of the modules and its comment, as CREATE OR REPLACE.
/^CREATE FUNCTION/     { sub(/CREATE/, "CREATE OR REPLACE"); last = "^([$][$]|AS 'MODULE_PATHNAME', .*);$" }
/^COMMENT ON FUNCTION/ { last = "';$" }
last                   { print }
last && $0 ~ last      { last = "" }
