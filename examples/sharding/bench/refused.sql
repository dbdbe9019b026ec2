\set n random(1, :rooms)
SELECT refused(lpad(to_hex((:n)::integer % 4096), 3, '0') || lpad((:n)::text, 22, '0'));
