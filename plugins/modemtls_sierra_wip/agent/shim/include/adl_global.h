/* The few names of ADL that the agent uses, for a build on a host.
 *
 * Written for modemtls from what is public about the interface; it is not the vendor's header.  The numbers are
 * arbitrary and differ from a module's on purpose: who relies on a number instead of a name fails here.
 * Only what is published has its published value (command types and response types, limits, flash errors).
 */
#ifndef SHIM_ADL_GLOBAL_H
#define SHIM_ADL_GLOBAL_H

#include <stddef.h>
#include <stdint.h>

typedef char ascii;
typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef int32_t s32;
typedef u8 bool;

#define FALSE ((bool)0)
#define TRUE ((bool)1)
#define OK 0

/* Start of the application. */
typedef enum { ADL_INIT_POWER_ON = 41, ADL_INIT_REBOOT_FROM_EXCEPTION = 43 } adl_InitType_e;
void adl_main(adl_InitType_e type);

/* Ports. */
typedef enum { ADL_PORT_NONE = 0, ADL_PORT_UART1 = 0x21, ADL_PORT_OPEN_AT_VIRTUAL_BASE = 0x70 } adl_port_e;

/* Commands and responses. */
#define ADL_CMD_TYPE_PARA 0x0100u
#define ADL_CMD_TYPE_TEST 0x0200u
#define ADL_CMD_TYPE_READ 0x0400u
#define ADL_CMD_TYPE_ACT 0x0800u

#define ADL_AT_RSP 0x01u
#define ADL_AT_UNS 0x02u
#define ADL_AT_INT 0x04u
#define ADL_AT_PORT_TYPE(port, type) ((u16)(((u16)(port) << 8) | (u16)(type)))

typedef enum { ADL_STR_NO_STRING = 501, ADL_STR_OK = 517, ADL_STR_ERROR = 523 } adl_strID_e;

#define SHIM_MOST_PARAMETERS 15u
typedef struct {
    u16 Type;
    u8 NbPara;
    adl_port_e Port;
    const ascii *shim_parameters[SHIM_MOST_PARAMETERS];
} adl_atCmdPreParser_t;
#define ADL_GET_PARAM(paras, index) ((ascii *)(uintptr_t)((index) < (paras)->NbPara ? (paras)->shim_parameters[index] : NULL))
typedef void (*adl_atCmdHandler_t)(adl_atCmdPreParser_t *paras);

typedef struct {
    adl_strID_e RspID;
    adl_port_e Dest;
    u16 StrLength;
    ascii StrData[300];
} adl_atResponse_t;
typedef bool (*adl_atRspHandler_t)(adl_atResponse_t *paras);

s16 adl_atCmdSubscribe(const ascii *command, adl_atCmdHandler_t handler, u16 options);
s8 adl_atCmdCreate(const ascii *command, u16 flag, adl_atRspHandler_t handler, ...);
s32 adl_atSendResponse(u16 type, const ascii *text);
s32 adl_atSendStdResponse(u16 type, adl_strID_e id);

/* Timers; a tick of this type is 100 ms. */
typedef struct adl_tmr adl_tmr_t;
typedef void (*adl_tmrHandler_t)(u8 id, void *context);
#define ADL_TMR_TYPE_100MS 37
adl_tmr_t *adl_tmrSubscribe(bool cyclic, u32 ticks, u8 type, adl_tmrHandler_t handler);
s32 adl_tmrUnSubscribe(adl_tmr_t *timer, adl_tmrHandler_t handler, u8 type);

/* Flow control manager: the port as a stream of bytes. */
typedef enum {
    ADL_FCM_EVENT_FLOW_OPENNED = 61,
    ADL_FCM_EVENT_FLOW_CLOSED = 63,
    ADL_FCM_EVENT_V24_DATA_MODE = 67,
    ADL_FCM_EVENT_V24_DATA_MODE_EXT = 69,
    ADL_FCM_EVENT_V24_AT_MODE = 73,
    ADL_FCM_EVENT_V24_AT_MODE_EXT = 77,
    ADL_FCM_EVENT_RESUME = 79,
    ADL_FCM_EVENT_MEM_RELEASE = 83
} adl_fcmEvent_e;
#define ADL_FCM_V24_STATE_AT 0
#define ADL_FCM_V24_STATE_DATA 1
#define ADL_FCM_V24_STATE_OFFLINE 2
#define ADL_FCM_RET_OK_WAIT_RESUME 31
typedef bool (*adl_fcmCtrlHdlr_f)(adl_fcmEvent_e event);
typedef bool (*adl_fcmDataHdlr_f)(u16 length, u8 *data);
s8 adl_fcmSubscribe(adl_port_e port, adl_fcmCtrlHdlr_f control, adl_fcmDataHdlr_f data);
s8 adl_fcmSwitchV24State(u8 handle, u8 state);
s8 adl_fcmSendData(u8 handle, u8 *data, u16 length);

/* Flash objects. */
#define ADL_RET_ERR_UNKNOWN_HDL (-3)
#define ADL_RET_ERR_ALREADY_SUBSCRIBED (-4)
#define ADL_RET_ERR_FATAL (-11)
#define ADL_FLH_RET_ERR_OBJ_NOT_EXIST (-20)
#define ADL_FLH_RET_ERR_MEM_FULL (-21)
#define ADL_FLH_RET_ERR_NO_ENOUGH_IDS (-22)
#define ADL_FLH_RET_ERR_ID_OUT_OF_RANGE (-23)
s8 adl_flhSubscribe(const ascii *handle, u16 objects);
s32 adl_flhExist(const ascii *handle, u16 id);
s8 adl_flhErase(const ascii *handle, u16 id);
s8 adl_flhWrite(const ascii *handle, u16 id, u16 length, const u8 *data);
s8 adl_flhRead(const ascii *handle, u16 id, u16 length, u8 *data);

#endif
