-- Appends that are sent in one statement name the fence that they saw. Whoever has to know what became of one whose answer was lost
-- raises it: a statement that the server has not begun by then writes nothing any more.
alter table chatbotx_log.heads add column fence bigint not null default 0;
