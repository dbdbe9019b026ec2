# Every function and view of the modules, and their comments, as CREATE OR REPLACE.
/^CREATE FUNCTION/                   { sub(/CREATE/, "CREATE OR REPLACE"); last = "^([$][$]|AS 'MODULE_PATHNAME', .*);$" }
/^CREATE VIEW/                       { sub(/CREATE/, "CREATE OR REPLACE"); last = ";$" }
/^COMMENT ON (FUNCTION|VIEW|COLUMN @extschema@|COLUMN videoroom.(stay|standing))/ { last = "';$" }
last                                 { print }
last && $0 ~ last                    { last = "" }
