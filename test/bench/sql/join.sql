\set n random(1, :rooms)
SELECT link FROM videoroom_join('aaa' || lpad((:n)::text, 22, '0'), 'host');
