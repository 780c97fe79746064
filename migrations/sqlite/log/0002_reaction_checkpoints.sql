-- How far each reaction has come in each workspace. Made with the workspace; a row that is missing stops the reaction, it never means
-- "from the start". Workspaces that are older than a reaction begin with what comes next.

create table reaction_checkpoints (
    reaction text not null,
    workspace blob not null,
    position integer not null,
    primary key (reaction, workspace)
) strict, without rowid;

insert into reaction_checkpoints (reaction, workspace, position) select 'flow_runs', workspace, position from heads;
