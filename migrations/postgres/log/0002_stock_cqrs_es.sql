-- The log in the shape of the table that postgres-es makes, for whoever reads it with tools of cqrs-es: a repository with
-- `with_tables("chatbotx_log.cqrs_events", …)`. It stands in this schema, so that a dump of the log holds it, too. Nobody but the
-- owner may read it unless told so; who may, sees nothing else of the log, and personal values sealed.

-- An id as everybody else knows it: a TypeID, a UUID in 26 characters of Crockford's base 32 behind the name of its kind.
create function chatbotx_log.typeid(prefix text, id uuid) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    -- 26 letters hold 130 bits.
    bits constant bit(130) := B'00' || ('x' || replace(id::text, '-', ''))::bit(128);
    letters text := prefix || '_';
begin
    for place in 0..25 loop
        letters := letters || substr(
            '0123456789abcdefghjkmnpqrstvwxyz', substring(bits from place * 5 + 1 for 5)::integer + 1, 1
        );
    end loop;
    return letters;
end
$$;

-- What cqrs-es takes as metadata is a map from texts to texts: members of ours that are objects stand there as their JSON.
create function chatbotx_log.cqrs_metadata(metadata bytea, more jsonb) returns json
    language sql immutable strict parallel safe as $$
    select json_object_agg(member.key, member.value)
    from (
        select key, value from json_each_text(convert_from(metadata, 'UTF8')::json)
        union all
        select key, value from jsonb_each_text(more)
    ) member
    where member.value is not null
$$;

create view chatbotx_log.cqrs_events as
select
    e.stream_type as aggregate_type,
    chatbotx_log.typeid(case e.stream_type
        when 'workspace' then 'ws'
        when 'token' then 'tok'
        when 'custom_field' then 'field'
        when 'bot_field' then 'botfield'
        when 'channel_account' then 'account'
        when 'conversation' then 'conv'
        when 'message' then 'msg'
        when 'flow_run' then 'run'
        else e.stream_type
    end, e.stream_id) as aggregate_id,
    e.sequence,
    e.event_type,
    e.event_version::text as event_version,
    convert_from(e.payload, 'UTF8')::json as payload,
    chatbotx_log.cqrs_metadata(e.metadata, jsonb_build_object(
        'workspace', chatbotx_log.typeid('ws', e.workspace),
        'position', e.position,
        'eventId', chatbotx_log.typeid('evt', e.event_id),
        'subject', chatbotx_log.typeid('contact', e.subject),
        'recordedAt', to_char(to_timestamp(e.recorded_at / 1000000) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
            || '.' || lpad((e.recorded_at % 1000000)::text, 6, '0') || 'Z'
    )) as metadata
from chatbotx_log.events e;
